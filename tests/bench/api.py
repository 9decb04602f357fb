"""How quickly the API answers reads with 1,000 tables and a year of history."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pg8000.native

from functions.api.main import application
from infra.migrations.files import MigrationFile
from shared import wiring
from shared.adapters.database_url import connection_arguments
from shared.adapters.postgres import PostgresStore
from shared.ports import Session

TARGET_MS = 50.0
GROWING = (
    "refresh_run",
    "refresh_task",
    "refresh_task_scope",
    "refresh_checkpoint",
    "refresh_audit_log",
    "refresh_data_quality",
    "refresh_publish",
    "refresh_job_cost",
    "refresh_partition_state",
    "refresh_quarantine",
    "refresh_dead_letter",
    "refresh_outbox",
    "webhook_delivery",
)
"""Tables that have more rows every day, for a time or for good."""
MORNING = (
    "status of all tables",
    "for Prometheus",
    "the web page's overview",
    "a run of all tables",
    "its page of a run",
)
"""What is read when something is wrong."""
_SEED = Path(__file__).with_name("year_of_history.sql")
_HOLD = Path(__file__).with_name("all_held.sql")
_TOKEN = "token-of-the-bench"
_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def seed(url: str, *, tables: int = 1000) -> None:
    """Fill a migrated database."""
    store = PostgresStore(url)
    with store.transaction() as session:
        session.run(f"SET LOCAL bench.tables = {tables}")
        session.run("SET LOCAL synchronous_commit = on")  # VACUUM marks no page visible to all before it is on disk
        _run(session, _SEED)
    store.close()
    connection = pg8000.native.Connection(**connection_arguments(url) | {"timeout": None})
    connection.run(
        f"VACUUM (ANALYZE) {', '.join(f'refresh.{table}' for table in GROWING)}, refresh.refresh_table_registry"
    )
    connection.close()


def hold_all(url: str) -> None:
    """Have every table of the last run held."""
    store = PostgresStore(url)
    with store.transaction() as session:
        _run(session, _HOLD)
    store.close()


def _run(session: Session, file: Path) -> None:
    for statement in MigrationFile(name=file.stem, sql=file.read_text()).statements():
        session.run(statement.sql)


def calls(*, tables: int = 1000) -> dict[str, str]:
    """What is called, by what it is."""
    deep = 3 * tables
    day = (datetime.now(UTC) - timedelta(days=200)).strftime("%Y-%m-%dT%H:%M:%SZ")
    later = (datetime.now(UTC) - timedelta(days=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
    month = datetime.now(UTC).strftime("%Y-%m")
    over = (datetime.now(UTC) - timedelta(days=100)).strftime("%Y-%m")
    last_run, endpoint = (UUID(hashlib.md5(what).hexdigest()) for what in (b"run0", b"endpoint1"))
    table = "bench.table_0005"
    return {
        "status of all tables": "/api/refresh/status",
        "history, first page": "/api/refresh/history?page_size=100",
        "history, a deep page": f"/api/refresh/history?page={deep}&page_size=100",
        "history of a table": f"/api/refresh/history?table={table}",
        "history of what failed": "/api/refresh/history?status=failed&page_size=100",
        "history of a span": f"/api/refresh/history?from={day}&to={later}&page=10",
        "metrics of a day": "/api/refresh/metrics?days=1&page_size=100",
        "metrics of 30 days": "/api/refresh/metrics?days=30&page_size=100",
        "metrics of 90 days": "/api/refresh/metrics?days=90&page_size=100",
        "metrics of a table": f"/api/refresh/metrics?days=90&table={table}",
        "for Prometheus": "/metrics",
        "a run of all tables": f"/api/refresh/runs/{last_run}",
        "runs": "/api/refresh/runs?page_size=100",
        "runs that failed": "/api/refresh/runs?status=failed&page_size=100",
        "runs, a deep page": "/api/refresh/runs?page=200&page_size=100",
        "configuration": "/api/refresh/config?page_size=100",
        "configuration of a table": f"/api/refresh/config/{table}",
        "sizes that would suit a table": f"/api/refresh/config/{table}/suggestions",
        "publishes of a table": f"/api/refresh/tables/{table}/publishes",
        "costs of a month": f"/api/refresh/costs?month={month}",
        "costs of a month that is over": f"/api/refresh/costs?month={over}",
        "audit, newest": "/api/refresh/audit?limit=100",
        "audit of a table": f"/api/refresh/audit?table={table}",
        "audit of a run": f"/api/refresh/audit?run_id={last_run}",
        "audit by a person": "/api/refresh/audit?by=ann@example.com",
        "audit of an event": f"/api/refresh/audit?event=task_failed&to={later}",
        "outcomes of checks": "/api/refresh/quality?limit=100",
        "outcomes of a table's checks": f"/api/refresh/quality?table={table}",
        "outcomes of verifications": "/api/refresh/quality?metric=verified_table&limit=100",
        "checks that failed": "/api/refresh/quality?passed=false",
        "quarantine": "/api/refresh/quarantine?page_size=100",
        "quarantine of a table": f"/api/refresh/quarantine?table={table}",
        "dead letters": "/api/refresh/dead-letters?limit=100",
        "backfills": "/api/refresh/backfills",
        "deliveries of a webhook": f"/api/refresh/webhooks/{endpoint}/deliveries?limit=100",
        "deliveries that failed": f"/api/refresh/webhooks/{endpoint}/deliveries?state=failed",
        "the web page's overview": "/",
        "its list, searched": "/?q=table_00&page=2",
        "its page of a table": f"/tables/{table}",
        "its page of a run": f"/runs/{last_run}",
        "its list of runs": "/runs",
        "its audit": "/audit",
        "its quarantine": "/quarantine",
        "its page of a webhook": f"/webhooks/{endpoint}",
    }


def read_times(url: str, names: Collection[str] = (), *, rounds: int = 40) -> dict[str, float]:
    """The 95th percentile of each call, or of those named, in milliseconds from request to answer."""
    times: dict[str, list[float]] = {}
    paths = {name: path for name, path in calls().items() if not names or name in names}
    with reading(url) as read:
        for number in range(rounds + 1):
            for name, path in paths.items():
                started = time.perf_counter()
                read(path)
                elapsed = (time.perf_counter() - started) * 1000
                if number:  # the first round fills caches and the figures of past days
                    times.setdefault(name, []).append(elapsed)
    return {name: sorted(values)[math.ceil(len(values) * 0.95) - 1] for name, values in times.items()}


@contextmanager
def reading(url: str) -> Iterator[Callable[[str], None]]:
    """Reads a path from the application, as it is deployed, on the database."""
    changed = {"DATABASE_URL": url, "GOOGLE_CLOUD_PROJECT": "bench", "API_TOKEN": _TOKEN, "WEBHOOK_SECRET_KEY": _KEY}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    cached = (wiring.settings, wiring.store, wiring.proofs, application)
    for made in cached:
        made.cache_clear()
    client = application().test_client()

    def read(path: str) -> None:
        response = client.get(path, headers={"Authorization": f"Bearer {_TOKEN}"})
        assert response.status_code == 200, response.text

    try:
        yield read
    finally:
        for made in cached:
            made.cache_clear()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
