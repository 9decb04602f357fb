"""Take a run one step on: owe messages for what is ready, hold what its publish group holds, skip what never will be
ready, end the run when all tasks have ended."""

from __future__ import annotations

import structlog

from shared.domain.ids import RunId, TableName
from shared.domain.messages import HANDLER_TOPICS
from shared.domain.states import Mode, Phase, RunStatus, TaskStatus
from shared.planning.readiness import Dependency, DependencyKind, HeldWithGroup, Skipped, Task, decide
from shared.ports import Row, Session, Store
from shared.sql import statement

_log = structlog.get_logger()


def advance_run(store: Store, run_id: RunId) -> None:
    """Advance the run in a transaction of its own; nothing happens to one that is unknown, unplanned or has ended."""
    with store.transaction() as session:
        advance(session, run_id)


def advance(session: Session, run_id: RunId) -> None:
    """Advance the run in the caller's transaction, in a number of statements that no number of tables raises.

    The run's row is locked first, so of two at once the second decides by what the first has written.
    """
    rows = session.run(statement("lock_run"), run_id=run_id)
    if not rows or not rows[0]["planned"] or rows[0]["status"] != RunStatus.RUNNING:
        return
    rows = session.run(statement("load_run_tasks"), run_id=run_id)
    dependencies = session.run(statement("load_run_dependencies"), run_id=run_id)
    decision = decide([_task(row) for row in rows], [_dependency(row) for row in dependencies])
    if decision.held:
        _hold(session, run_id, decision.held)
    if decision.skipped:
        skip(session, run_id, decision.skipped)
    if decision.ready:
        handlers = {_table(row): row["handler"] for row in rows}
        _owe(session, run_id, {table: HANDLER_TOPICS[handlers[table]] for table in decision.ready})
    if decision.status is not RunStatus.RUNNING and session.run(
        statement("end_run"), run_id=run_id, status=str(decision.status)
    ):
        _log.info("run_ended", run=str(run_id), status=str(decision.status))


def skip(session: Session, run_id: RunId, skipped: tuple[Skipped, ...]) -> None:
    """End queued tasks as skipped, each with its reason."""
    session.run(
        statement("skip_tasks"),
        run_id=run_id,
        schemas=[one.table.schema for one in skipped],
        names=[one.table.name for one in skipped],
        reasons=[one.reason for one in skipped],
    )
    for one in skipped:
        _log.warning("task_skipped", run=str(run_id), table=str(one.table), reason=one.reason)


def _hold(session: Session, run_id: RunId, held: tuple[HeldWithGroup, ...]) -> None:
    """End tasks whose publish group cannot publish any more; a worker that is on one finds its claim lost."""
    session.run(
        statement("hold_tasks"),
        run_id=run_id,
        schemas=[one.table.schema for one in held],
        names=[one.table.name for one in held],
        errors=[one.error for one in held],
        causes=[str(one.because) for one in held],
    )
    for one in held:
        _log.warning("task_held_with_group", run=str(run_id), table=str(one.table), because=str(one.because))


def _owe(session: Session, run_id: RunId, topics: dict[TableName, str]) -> None:
    session.run(
        statement("owe_ready_tables"),
        run_id=run_id,
        schemas=[table.schema for table in topics],
        names=[table.name for table in topics],
        topics=list(topics.values()),
    )
    _log.info("tables_ready", run=str(run_id), tables=len(topics))


def _table(row: Row) -> TableName:
    return TableName(schema=row["table_schema"], name=row["table_name"])


def _task(row: Row) -> Task:
    return Task(
        table=_table(row),
        priority=row["priority"],
        status=TaskStatus(row["status"]),
        mode=Mode(row["mode"]),
        phase=Phase(row["phase"]),
        group=row["publish_group"],
        owed=row["owed"],
    )


def _dependency(row: Row) -> Dependency:
    return Dependency(
        table=_table(row),
        depends_on=TableName(schema=row["depends_on_schema"], name=row["depends_on_name"]),
        kind=DependencyKind(row["kind"]),
    )
