"""How a claim is given up: the task ends, goes back for later, or goes on in a new message."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.check_outcome import CheckOutcome
from shared.domain.ids import TableName, TaskId
from shared.domain.states import TaskStatus
from shared.planning.backoff import Backoff
from shared.planning.groups import GROUP_HELD, group_held
from shared.ports import Session
from shared.refresh.claim import Claim, SliceClaim, TaskClaim, task_parameters
from shared.refresh.fence import fenced
from shared.refresh.messages import owe_table_message
from shared.refresh.quality import record_outcomes
from shared.refresh.runtime import Runtime
from shared.refresh.staging import drop_staging
from shared.sql import statement

RETRY = Backoff(base=5.0, cap=900.0)
DEFINITION_CHANGED = "definition_changed"


def end(
    runtime: Runtime,
    claim: Claim,
    status: TaskStatus,
    *,
    reason: str,
    error: str,
    details: dict[str, Any] | None = None,
    outcomes: Sequence[CheckOutcome] = (),
    about: TableName | None = None,
    note: Callable[[Session], None] | None = None,
) -> None:
    """End the task without publishing; nothing published is touched. Does nothing when it has ended already.

    A definition that changed on the way is no fault of anybody's: a new run is asked for, once. `about`: of several
    tables the one that this is the end of; the others are held with it. `outcomes` of its checks, and what `note`
    writes, are kept by the same transaction. What a held task has staged stays, for whoever releases it.
    """
    ends = _End(status=status, reason=reason, error=error, details=details or {})
    tables = [part.task.table for part in claim.parts]
    with fenced(runtime, claim) as session:
        record_outcomes(session, TaskId(run_id=claim.task.run_id, table=about or claim.task.table), outcomes)
        if note is not None:
            note(session)
        for part in claim.parts:
            together = about in tables and about != part.task.table
            _end_task(session, part.task, _held_with(about, ends) if together and about else ends)
    runtime.steps.reached("task_ended")


@dataclass(frozen=True, kw_only=True)
class _End:
    status: TaskStatus
    reason: str
    error: str
    details: dict[str, Any]


def _held_with(table: TableName, ends: _End) -> _End:
    error = group_held(table, ends.status, ends.reason)
    return _End(status=TaskStatus.HELD, reason=GROUP_HELD, error=error, details={"group_held_by": str(table)})


def _end_task(session: Session, task: TaskId, ends: _End) -> None:
    ended = session.run(
        statement("end_task"),
        **task_parameters(task),
        status=str(ends.status),
        reason=ends.reason,
        error=ends.error,
        details=json.dumps(ends.details),
    )
    if ended and ends.status is not TaskStatus.HELD:
        drop_staging(session, task)
    if ended and ends.reason == DEFINITION_CHANGED:
        session.run(statement("request_again"), **task_parameters(task))


def retry_later(runtime: Runtime, claim: Claim, *, reason: str, error: str, at_least: float) -> None:
    """Give the claim back with a delay that grows with the attempts; the sweep owes the message when it is over."""
    seconds = RETRY.delay(max(1, claim.attempt), random=runtime.clock.random(), at_least=at_least)
    with fenced(runtime, claim) as session:
        for part in claim.parts:
            session.run(_release(part), **part.parameters, delay=seconds, counts=True, reason=reason, error=error)
    runtime.steps.reached("claim_released")


def go_on(runtime: Runtime, claim: Claim, *, handler: str, lane: int, continuation: int) -> None:
    """Give the claim back at once and owe the message that goes on with it."""
    with fenced(runtime, claim) as session:
        for part in claim.parts:
            session.run(_release(part), **part.parameters, delay=0.0, counts=False, reason=None, error=None)
        owe_table_message(session, claim.task, handler, lane=lane, continuation=continuation)
    runtime.steps.reached("claim_released")


def _release(claim: TaskClaim | SliceClaim) -> str:
    return statement("release_slice" if isinstance(claim, SliceClaim) else "release_task")
