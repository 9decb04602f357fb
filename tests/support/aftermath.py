"""What happens after a fault, without waiting for it: time passes, messages come again, the work comes to its end."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from infra.local.postgres import Postgres
from shared.domain.errors import CommitUnknown, RetryLater
from shared.domain.messages import TableMessage
from shared.domain.states import TaskStatus
from shared.ports import Row
from tests.conftest import BigQueryEnv
from tests.support.engine import Engine, emulated_source

MOST_DELIVERIES = 40


def let_time_pass(engine: Engine, *, minutes: int = 20) -> None:
    """Move everything that open tasks remember into the past: leases and delays end, messages grow old."""
    times = {
        "refresh_task": ("lease_until", "not_before", "owed_at"),
        "refresh_checkpoint": ("lease_until", "not_before", "finished_at"),
    }
    for table, columns in times.items():
        assignments = ", ".join(f"{column} = {column} - interval '{minutes} minutes'" for column in columns)
        engine.sql(
            f"UPDATE refresh.{table} SET {assignments} WHERE (run_id, table_schema, table_name) IN"
            " (SELECT run_id, table_schema, table_name FROM refresh.refresh_task WHERE status IN ('queued', 'running'))"
        )


def deliver_once(engine: Engine, message: TableMessage) -> bool:
    """One delivery of the message; whether it was acknowledged."""
    try:
        engine.deliver(message)
    except (RetryLater, CommitUnknown):
        return False
    return True


def bring_to_end(engine: Engine, message: TableMessage, *, watcher: Engine | None = None) -> Row:
    """Deliver the message, as the sweep would see to, until its task has ended; the task.

    `watcher`: an engine on the same database that no fault touches.
    """
    unharmed = watcher or engine
    for _ in range(MOST_DELIVERIES):
        task = unharmed.state(message)
        if TaskStatus(task["status"]).ended:
            return task
        let_time_pass(unharmed)
        deliver_once(engine, message)
    raise AssertionError(f"after {MOST_DELIVERIES} deliveries the task is {unharmed.state(message)}")


@contextmanager
def fresh_engine(postgres: Postgres, template: str, env: BigQueryEnv, **options: Any) -> Iterator[Engine]:
    """An engine on a database and a dataset of its own, for tests that share one in a module."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    dataset = f"{env.project}.{name}"
    env.client.create_dataset(dataset)
    source = emulated_source(env.project, env.rest_url, env.grpc_address)
    engine = Engine(postgres.ensure_database(name, template=template), source, dataset, env.client.query, **options)
    try:
        yield engine
    finally:
        engine.close()
        env.client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)
        postgres.drop_database(name)
