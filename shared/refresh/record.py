"""What a publish makes true beside the rows: partition state, registry, the task's end."""

from __future__ import annotations

import json

from shared.domain.definition import Definition
from shared.domain.errors import concerning
from shared.domain.ids import TaskId
from shared.domain.states import ScopeAction, TaskStatus
from shared.planning.gates import written_gate
from shared.planning.outcome import Tally, outcome
from shared.planning.refusals import DECIDED, REFUSED, ROLLED_BACK, shared_reason
from shared.planning.settlement import Settlement
from shared.ports import Row, Session
from shared.refresh.claim import task_parameters
from shared.refresh.evolve import remember
from shared.refresh.merge import Written
from shared.refresh.release import read_release
from shared.refresh.staging import drop_staging
from shared.refresh.state import state_statement
from shared.refresh.undo import record_publish
from shared.sql import statement

_SHOWN = 20


def record(
    session: Session,
    task: TaskId,
    definition: Definition,
    state: Row,
    settlement: Settlement,
    written: Written,
    superseded: int,
) -> TaskStatus:
    """Write everything that the publish makes true; the task's final status. Held when it deletes more than it may."""
    key = task_parameters(task)
    release = read_release(session, task, state)
    with concerning(task.table):
        written_gate(written.deleted, settlement.scopes, checks=definition.checks, release=release)
    found = tally(session, task, definition, state, settlement, written)
    (checks,) = session.run(statement("failed_checks"), **key)
    stripped = session.run(statement("values_stripped"), **key)[0]["stripped"]
    status, reason = outcome(found)
    snapshot = {"snapshot_at": state["snapshot_at"]}
    if definition.shadow is None:
        record_publish(
            session,
            task,
            inserted=written.inserted,
            updated=written.updated,
            deleted=written.deleted,
            was_empty=written.was_empty,
            kept=written.kept,
        )
    session.run(state_statement("publish_scopes", definition), **key, **snapshot, definition_hash=definition.hash)
    session.run(state_statement("confirm_scopes", definition), **key, **snapshot)
    if status not in (TaskStatus.HELD, TaskStatus.SKIPPED):
        session.run(
            state_statement("publish_table", definition),
            **key,
            **snapshot,
            scan_from=state["scan_from"],
            backfill=state["backfill_id"] is not None,
            wrote=written.rows > 0,
            last_data_period=_last_period(definition, settlement),
        )
        if definition.shadow is None:
            session.run(statement("resolve_quarantine"), **key)
            remember(session, task, definition)
            if state["backfill_id"] is not None:
                session.run(statement("note_backfill"), **snapshot, backfill_id=state["backfill_id"])
    drop_staging(session, task)
    session.run(
        statement("finish_task"),
        **key,
        status=str(status),
        reason=reason,
        error=_held_because(checks["held"], settlement),
        superseded=superseded,
        inserted=written.inserted,
        updated=written.updated,
        deleted=written.deleted,
        unchanged=written.unchanged,
        details=json.dumps(vars(found) | ({"values_stripped": stripped} if stripped else {})),
    )
    return status


def tally(
    session: Session, task: TaskId, definition: Definition, state: Row, settlement: Settlement, written: Written
) -> Tally:
    """What the task did, or would do, in figures that decide how it ends."""
    key = task_parameters(task)
    return Tally(
        scopes_written=len(settlement.having(ScopeAction.CHANGED, ScopeAction.VANISHED)),
        scopes_held=len(settlement.having(ScopeAction.HELD)),
        scopes_refused=len(settlement.refused),
        hold_reason=shared_reason(settlement.refused.values(), held=len(settlement.having(ScopeAction.HELD))),
        scopes_superseded=len(settlement.having(ScopeAction.SUPERSEDED)),
        rows_quarantined=state["rows_quarantined"],
        rows_quarantined_before=session.run(state_statement("quarantined_before", definition), **key)[0]["rows"],
        rows_refused=written.refused,
        checks_warned=session.run(statement("failed_checks"), **key)[0]["warned"],
    )


def _held_because(checks: str | None, settlement: Settlement) -> str | None:
    if not settlement.refused:
        return checks
    shown = ", ".join("NULL" if value is None else value for value in list(settlement.refused)[:_SHOWN])
    more = f" and {len(settlement.refused) - _SHOWN} more" if len(settlement.refused) > _SHOWN else ""
    words = {REFUSED: "refused", ROLLED_BACK: "taken back"}
    done = " or ".join(words[why] for why in DECIDED if why in settlement.refused.values())
    refused = (
        f"the source still has what was {done}, of {shown}{more}: it is published when the source changes, "
        "or when this run is released, or by a run with force"
    )
    return refused if checks is None else f"{checks}. {refused}"


def _last_period(definition: Definition, settlement: Settlement) -> str | None:
    """The newest scope value with rows, where scope values are dates."""
    if definition.scope is None or not definition.scope.dated:
        return None
    values = [scope.value for scope in settlement.scopes if scope.rows and scope.value is not None]
    return max(values, default=None)
