"""How a claim is given up: the task ends, goes back for later, or goes on in a new message."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from shared.domain.check_outcome import CheckOutcome
from shared.domain.ids import TableName, TaskId
from shared.domain.states import TaskStatus
from shared.planning.backoff import Backoff
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

    A definition that changed on the way is no fault of anybody's: a new run is asked for, once. `outcomes` of checks
    (`about` a table, of several that end together), and what `note` writes, are kept by the same transaction. What a
    held task has staged stays, for whoever releases it.
    """
    with fenced(runtime, claim) as session:
        record_outcomes(session, TaskId(run_id=claim.task.run_id, table=about or claim.task.table), outcomes)
        if note is not None:
            note(session)
        for part in claim.parts:
            ended = session.run(
                statement("end_task"),
                **task_parameters(part.task),
                status=str(status),
                reason=reason,
                error=error,
                details=json.dumps(details or {}),
            )
            if ended and status is not TaskStatus.HELD:
                drop_staging(session, part.task)
            if ended and reason == DEFINITION_CHANGED:
                session.run(statement("request_again"), **task_parameters(part.task))
    runtime.steps.reached("task_ended")


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
