"""Releasing what a run was held for: its staging is adopted, or made again at the same snapshot."""

from __future__ import annotations

from shared.domain.definition import Definition
from shared.domain.errors import PermanentError, StoreRefused
from shared.domain.ids import RunId, TaskId
from shared.domain.quoting import postgres_identifier
from shared.domain.states import ScopeAction, TaskStatus
from shared.planning.holds import Release
from shared.ports import Row, Session
from shared.refresh.claim import TaskClaim, task_parameters
from shared.refresh.fence import fenced
from shared.refresh.frozen import freeze_definition
from shared.refresh.runtime import Runtime
from shared.refresh.staging import staging_name
from shared.sql import statement

_UNDEFINED_TABLE = "42P01"
_ADMITTED = {
    TaskStatus.HELD: set(ScopeAction) - {ScopeAction.SUPERSEDED},
    TaskStatus.WARNING: {ScopeAction.HELD, ScopeAction.UNCHANGED},
}
"""Scopes that a release may write: all of a run that published nothing, and the held ones of one that published some.
What that run had found unchanged stays admitted; it is read again only if an older run has overwritten it since."""


def read_release(session: Session, task: TaskId, state: Row) -> Release | None:
    """What the task releases; None for an ordinary one. PermanentError `hold_expired` when its plan is not kept any
    more."""
    if state["release_of"] is None:
        return None
    held = TaskId(run_id=RunId(state["release_of"]), table=task.table)
    key = task_parameters(held)
    (found,) = session.run(statement("held_task"), **key)
    admitted = _ADMITTED[TaskStatus(found["status"])]
    scopes = session.run(statement("task_scopes"), **key)
    if not scopes:
        raise PermanentError(
            f"{task.table}: the plan of run {held.run_id} is not kept any more; run the table again",
            reason="hold_expired",
        )
    return Release(
        run_id=held.run_id,
        admitted={row["scope"]: row["fingerprint"] for row in scopes if row["action"] in admitted},
        shown=frozenset((row["metric"], row["scope"]) for row in session.run(statement("held_checks"), **key)),
    )


def adopt(runtime: Runtime, claim: TaskClaim, definition: Definition, task: Row) -> bool:
    """Take over what the held run has staged; False when it is not there as it was, and has to be made again."""
    held = TaskId(run_id=RunId(task["release_of"]), table=claim.task.table)
    try:
        with fenced(runtime, claim) as session:
            (found,) = session.run(statement("held_task"), **task_parameters(held))
            if not _is_whole(found, definition):
                return False
            _take_over(session, claim.task, held, found)
            freeze_definition(session, claim.task, definition)
            runtime.steps.reached("staging_adopted")
    except StoreRefused as error:
        if error.sqlstate != _UNDEFINED_TABLE:
            raise
        return False  # the cleanup has dropped it at this moment
    runtime.steps.reached("release_committed")
    return True


def _is_whole(found: Row, definition: Definition) -> bool:
    return (
        found["status"] == TaskStatus.HELD
        and bool(found["is_staged"])
        and not found["is_partly_staged"]
        and not found["is_of_a_range"]  # its plan does not know what lies behind the range
        and found["slices_total"] > 0
        and found["definition_hash"] == definition.hash
    )


def _take_over(session: Session, task: TaskId, held: TaskId, found: Row) -> None:
    key = task_parameters(task)
    session.run(f"ALTER TABLE {staging_name(held)} RENAME TO {postgres_identifier(task.staging_table)}")
    session.run(statement("adopt_plan"), **key, held_run=held.run_id)
    kept = ("definition_hash", "scan_from", "slices_total", "slices_skipped")
    counts = ("rows_read", "rows_staged", "rows_quarantined", "rows_superseded", "rows_merged")
    session.run(
        statement("adopt_task"),
        **key,
        **{name: found[name] for name in kept + counts},
        staging_table=task.staging_table,
        held_run=held.run_id,
    )
