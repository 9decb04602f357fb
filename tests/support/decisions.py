"""What people decide about a held table, by the database's functions, and the runs that follow from it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.domain.ids import RunId, TableName
from shared.domain.messages import TableMessage
from shared.orchestration.plan_run import plan_requested
from shared.ports import Row
from tests.support.engine import Engine


def asks_to_release(engine: Engine, table: str, run_id: UUID | None = None) -> TableMessage:
    """Ask for the release, and have its run planned; the message of the table's task."""
    (row,) = engine.sql("SELECT refresh.release(:table, CAST(:run AS uuid), 'ada') AS run_id", table=table, run=run_id)
    return planned(engine, row["run_id"], table)


def planned(engine: Engine, run_id: UUID, table: str) -> TableMessage:
    """Have a run planned that was asked for; the message of the table's task."""
    plan_requested(engine.store, engine.source, RunId(run_id))
    return TableMessage(run_id=RunId(run_id), table=TableName.parse(table))


def release(engine: Engine, table: str, run_id: UUID | None = None) -> Row:
    """Release what is held; the task that did it, afterwards."""
    return engine.deliver(asks_to_release(engine, table, run_id))


def refuse(engine: Engine, table: str, reason: str = "half of it is missing", run_id: UUID | None = None) -> int:
    """Refuse what is held; how many scopes that were."""
    (row,) = engine.sql(
        "SELECT refresh.refuse(:table, :reason, CAST(:run AS uuid), 'ada') AS scopes",
        table=table,
        reason=reason,
        run=run_id,
    )
    return int(row["scopes"])


def failed_checks(engine: Engine, task: Row) -> list[tuple[Any, ...]]:
    """Scope, metric and outcome of each check of a task that did not pass, and whether it was released."""
    rows = engine.sql(
        "SELECT scope, metric, outcome, details ? 'released_from' AS released FROM refresh.refresh_data_quality"
        " WHERE run_id = :run AND table_name = :name AND NOT passed ORDER BY scope NULLS FIRST, metric",
        run=task["run_id"],
        name=task["table_name"],
    )
    return [tuple(row.values()) for row in rows]
