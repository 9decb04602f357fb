"""How quickly the API answers reads with 1,000 tables and a year of history."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pg8000.native
from flask.testing import FlaskClient

from functions.api.main import application
from infra.migrations.files import MigrationFile
from shared import wiring
from shared.adapters.postgres import PostgresStore, connection_arguments

TARGET_MS = 50.0
_SEED = Path(__file__).with_name("year_of_history.sql")
_TOKEN = "token-of-the-bench"


def seed(url: str) -> None:
    """Fill a migrated database."""
    store = PostgresStore(url)
    with store.transaction() as session:
        for statement in MigrationFile(name=_SEED.stem, sql=_SEED.read_text()).statements():
            session.run(statement.sql)
    store.close()
    connection = pg8000.native.Connection(**connection_arguments(url))
    connection.run("VACUUM (ANALYZE) refresh.refresh_task, refresh.refresh_run, refresh.refresh_audit_log")
    connection.close()


def calls() -> dict[str, str]:
    """What is called, by what it is."""
    day = (datetime.now(UTC) - timedelta(days=200)).strftime("%Y-%m-%dT%H:%M:%SZ")
    later = (datetime.now(UTC) - timedelta(days=100)).strftime("%Y-%m-%dT%H:%M:%SZ")
    last_run = UUID(hashlib.md5(b"run0").hexdigest())
    return {
        "status of all tables": "/api/refresh/status",
        "the web page's overview": "/",
        "its list, searched": "/?q=table_05&page=2",
        "its page of a table": "/tables/bench.table_0500",
        "history, first page": "/api/refresh/history?page_size=100",
        "history, page 3,000": "/api/refresh/history?page=3000&page_size=100",
        "history of a table": "/api/refresh/history?table=bench.table_0500",
        "history of what failed": "/api/refresh/history?status=failed&page_size=100",
        "history of a span": f"/api/refresh/history?from={day}&to={later}&page=10",
        "metrics of 90 days": "/api/refresh/metrics?days=90",
        "metrics of a table": "/api/refresh/metrics?days=90&table=bench.table_0500",
        "for Prometheus": "/metrics",
        "a run of 1,000 tables": f"/api/refresh/runs/{last_run}",
        "runs": "/api/refresh/runs?page_size=100",
        "configuration": "/api/refresh/config?page_size=100",
        "audit, newest": "/api/refresh/audit?limit=100",
        "audit of a table": "/api/refresh/audit?table=bench.table_0500",
        "audit by a person": "/api/refresh/audit?by=ann@example.com",
        "audit of an event": f"/api/refresh/audit?event=task_failed&to={later}",
    }


def read_times(url: str, *, rounds: int = 20) -> dict[str, float]:
    """The 95th percentile of each call, in milliseconds, from request to answer inside the application."""
    with _application(url) as client:
        times: dict[str, list[float]] = {}
        for number in range(rounds + 1):
            for name, path in calls().items():
                started = time.perf_counter()
                response = client.get(path, headers={"Authorization": f"Bearer {_TOKEN}"})
                elapsed = (time.perf_counter() - started) * 1000
                assert response.status_code == 200, response.text
                if number:  # the first round fills caches and the figures of past days
                    times.setdefault(name, []).append(elapsed)
    return {name: sorted(values)[int(len(values) * 0.95)] for name, values in times.items()}


@contextmanager
def _application(url: str) -> Iterator[FlaskClient]:
    changed = {"DATABASE_URL": url, "GOOGLE_CLOUD_PROJECT": "bench", "API_TOKEN": _TOKEN}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    cached = (wiring.settings, wiring.store, wiring.proofs, application)
    for made in cached:
        made.cache_clear()
    try:
        yield application().test_client()
    finally:
        for made in cached:
            made.cache_clear()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
