"""Plan a run: fix its snapshot, choose its tables, make their tasks, and owe the first messages, in one transaction."""

from __future__ import annotations

from datetime import datetime

import structlog

from shared.domain.ids import RunId, TableName
from shared.orchestration.advance import advance, advance_run, skip
from shared.planning.readiness import Skipped
from shared.planning.schedule import Schedule, daily_key
from shared.ports import Row, Session, Source, Store
from shared.sql import statement

_log = structlog.get_logger()

DISABLED = "disabled"
MODE_NOT_ALLOWED = "mode_not_allowed"
BACKFILL_PRIORITY = 1000
"""Behind everything else."""


def plan_daily(store: Store, source: Source, schedule: Schedule, instant: datetime) -> RunId | None:
    """Plan the daily run for the scheduled instant (aware); None when there is one already."""
    key = daily_key(instant)
    with store.transaction() as session:
        if session.run(statement("find_run"), idempotency_key=key):
            return None
    snapshot_at = source.now()
    with store.transaction() as session:
        rows = session.run(
            statement("insert_scheduled_run"), idempotency_key=key, scheduled_for=instant, snapshot_at=snapshot_at
        )
        if not rows:
            return None
        run_id = RunId(rows[0]["run_id"])
        tables = session.run(statement("choose_due_tables"), scheduled_for=instant, zone=schedule.zone.key)
        _insert_tasks(session, run_id, tables, force=False)
        _set_next_refresh(session, schedule, instant, tables)
        advance(session, run_id)
    _log.info("run_planned", run=str(run_id), key=key, tables=len(tables), snapshot_at=snapshot_at.isoformat())
    return run_id


def plan_requested(store: Store, source: Source, run_id: RunId) -> bool:
    """Plan a run that was asked for; False when it is unknown or was planned before (then it is advanced).

    A replay may ask for the snapshot of the run that it does again.
    """
    with store.transaction() as session:
        rows = session.run(statement("run_is_planned"), run_id=run_id)
    if not rows:
        _log.warning("run_unknown", run=str(run_id))
        return False
    if rows[0]["planned"]:
        advance_run(store, run_id)
        return False
    snapshot_at = rows[0]["wanted_snapshot_at"] or source.now()
    with store.transaction() as session:
        run = session.run(statement("lock_run"), run_id=run_id)[0]
        if not run["planned"]:
            _plan_request(session, run_id, run["request"], snapshot_at)
        advance(session, run_id)
    return not run["planned"]


def _plan_request(session: Session, run_id: RunId, request: Row, snapshot_at: datetime) -> None:
    wanted: list[str] | None = request.get("tables")
    grouped = not request.get("backfill")  # of one table, for as long as it takes: nobody is to wait for it
    tables = session.run(
        statement("choose_requested_tables"), tables=wanted, mode=request.get("mode"), whole_groups=grouped
    )
    session.run(statement("set_run_planned"), run_id=run_id, snapshot_at=snapshot_at)
    if not grouped:
        tables = [row | {"priority": BACKFILL_PRIORITY} for row in tables]
    _insert_tasks(session, run_id, tables, force=bool(request.get("force")), grouped=grouped)
    refused = [row for row in tables if not row["allowed"]]
    if refused:
        skip(session, run_id, tuple(Skipped(table=_table(row), reason=_why_not(row)) for row in refused))
    gone = set(wanted or ()) - {str(_table(row)) for row in tables}
    if gone:
        _log.warning("tables_not_registered", run=str(run_id), tables=sorted(gone))
    _log.info("run_planned", run=str(run_id), tables=len(tables), snapshot_at=snapshot_at.isoformat())


def _why_not(row: Row) -> str:
    return DISABLED if row["table_mode"] == DISABLED else MODE_NOT_ALLOWED


def _insert_tasks(session: Session, run_id: RunId, tables: list[Row], *, force: bool, grouped: bool = True) -> None:
    if tables:
        session.run(
            statement("insert_tasks"),
            run_id=run_id,
            schemas=[row["table_schema"] for row in tables],
            names=[row["table_name"] for row in tables],
            handlers=[row["handler"] for row in tables],
            priorities=[row["priority"] for row in tables],
            modes=[row["mode"] for row in tables],
            force=force,
            grouped=grouped,
        )


def _set_next_refresh(session: Session, schedule: Schedule, instant: datetime, tables: list[Row]) -> None:
    if tables:
        frequencies = {row["frequency_hours"] for row in tables}
        moments = {frequency: schedule.next_refresh_at(instant, frequency) for frequency in frequencies}
        session.run(
            statement("set_next_refresh"),
            schemas=[row["table_schema"] for row in tables],
            names=[row["table_name"] for row in tables],
            moments=[moments[row["frequency_hours"]] for row in tables],
        )


def _table(row: Row) -> TableName:
    return TableName(schema=row["table_schema"], name=row["table_name"])
