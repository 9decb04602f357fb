"""Take backfills on: when a run of one has ended, the next one is asked for, behind what else the table waits for."""

from __future__ import annotations

import json
from uuid import UUID

import structlog

from shared.domain.states import TaskStatus
from shared.planning.backfill import Gates, RangeScope, windows
from shared.planning.gates import TABLE_MIN_RATIO
from shared.ports import Row, Session, Store
from shared.sql import statement

_log = structlog.get_logger()
_GOES_ON = {"superseded"}
"""Reasons of a skipped task after which there is nothing left to do for its part."""


def advance_backfills(store: Store) -> None:
    """Advance every running backfill, each in a transaction of its own."""
    with store.transaction() as session:
        rows = session.run(statement("running_backfills"))
    for row in rows:
        with store.transaction() as session:
            _advance(session, row["backfill_id"])


def _advance(session: Session, backfill_id: UUID) -> None:
    rows = session.run(statement("lock_backfill"), backfill_id=backfill_id)
    if not rows or rows[0]["run_status"] == "running":
        return
    backfill = rows[0]
    status = TaskStatus(backfill["task_status"] or TaskStatus.FAILED)
    if not status.done_for_dependents and backfill["task_reason"] not in _GOES_ON:
        failed = TaskStatus.HELD if status is TaskStatus.HELD else TaskStatus.FAILED
        _end(session, backfill, failed, reason=backfill["task_reason"], error=backfill["task_error"])
    elif backfill["visible"] == "end":
        ended = status if status.done_for_dependents else TaskStatus.NO_NEW_DATA
        _end(session, backfill, ended, reason=backfill["task_reason"])
    else:
        if backfill["planned_at"] is None:
            _plan(session, backfill)
        _start_next(session, backfill)


def _plan(session: Session, backfill: Row) -> None:
    """The range has been looked at: cut what changed in it into batches."""
    scopes = session.run(statement("scopes_to_backfill"), run_id=backfill["run_id"])
    checks = backfill["checks"]
    gates = Gates(
        min_ratio=float(checks.get("table_min_ratio", TABLE_MIN_RATIO)),
        max_deleted_share=float(checks.get("max_deleted_share", 1.0)),
    )
    found = [RangeScope(**row) for row in scopes]
    packed = windows(found, target_rows=backfill["batch_rows"], gates=gates)
    session.run(
        statement("insert_backfill_batches"),
        backfill_id=backfill["backfill_id"],
        batches=json.dumps([vars(one) for one in packed]),
    )
    _log.info("backfill_planned", backfill=str(backfill["backfill_id"]), batches=len(packed))


def _start_next(session: Session, backfill: Row) -> None:
    (batches,) = session.run(statement("backfill_batches"), backfill_id=backfill["backfill_id"])
    if batches["waiting"] == 0:
        done = TaskStatus.WARNING if batches["warned"] else TaskStatus.SUCCESS
        _end(session, backfill, done if batches["total"] else TaskStatus.NO_NEW_DATA)
    elif not backfill["others_first"]:
        session.run(statement("start_backfill_batch"), backfill_id=backfill["backfill_id"])
        _log.info("backfill_goes_on", backfill=str(backfill["backfill_id"]), batches_left=batches["waiting"])


def _end(
    session: Session, backfill: Row, status: TaskStatus, *, reason: str | None = None, error: str | None = None
) -> None:
    session.run(
        statement("end_backfill"),
        backfill_id=backfill["backfill_id"],
        status=str(status),
        reason=reason,
        error=error,
    )
    _log.info("backfill_ended", backfill=str(backfill["backfill_id"]), status=str(status), reason=reason)
