"""Publishing what a task belongs to: the table by itself, or the tables of its publish group, all or none.

Whoever finds the last of them staged publishes all, whichever function that is: the definitions are kept with the
tasks, and a materialized view needs none.
"""

from __future__ import annotations

from functools import partial

import structlog

from shared import tracing
from shared.domain.errors import PermanentError, concerning
from shared.domain.messages import TableMessage
from shared.domain.states import Mode
from shared.ports import Row
from shared.refresh.attempt import attempt, load_task
from shared.refresh.claim import TaskClaim, UnitClaim, claim_unit, task_parameters
from shared.refresh.dry_run import dry_run
from shared.refresh.frozen import frozen_definition
from shared.refresh.lease import KeptLease
from shared.refresh.publish import Member, publish
from shared.refresh.runtime import Budget, Runtime
from shared.refresh.staged_checks import judge_staged
from shared.sql import statement

log = structlog.get_logger()
VIEWS = "summaries"
"""The handler of materialized views."""


def publish_unit(runtime: Runtime, message: TableMessage, task: Row, budget: Budget) -> bool:
    """Publish if all that belongs together is staged and free; whether this message goes on with its task."""
    claim = claim_unit(runtime, message.task)
    if claim is None:
        log.info("somebody else has the task, or its publish group is not complete", group=task["publish_group"])
        return False
    runtime.steps.reached("publishing_claimed")
    return attempt(runtime, claim, message, task, partial(_publish, runtime, claim, budget))


def _publish(runtime: Runtime, claim: UnitClaim, budget: Budget) -> None:
    with tracing.span("publish"), KeptLease(runtime, claim):
        members = [_member(runtime, part) for part in claim.members]
        finish = dry_run if all(Mode(one.state["mode"]) is Mode.DRY_RUN for one in members) else publish
        try:
            _judge_staged(runtime, claim, members)
            published = finish(runtime, claim, members, budget)
        except PermanentError as error:
            _note_view_error(runtime, members, error)
            raise
    if published is None:
        log.info("slices have to be loaded first")
    for table, status in (published or {}).items():
        log.info("finished", finished=str(table), status=status)


def _member(runtime: Runtime, claim: TaskClaim) -> Member:
    state = load_task(runtime, claim.task)
    definition = None if state["handler"] == VIEWS else frozen_definition(runtime.store, claim.task, state)
    return Member(claim=claim, state=state, definition=definition)


def _judge_staged(runtime: Runtime, claim: UnitClaim, members: list[Member]) -> None:
    for member in members:
        if member.definition is not None:
            with concerning(member.claim.task.table):
                judge_staged(runtime, claim, member.definition, member.claim.task, member.state)


def _note_view_error(runtime: Runtime, members: list[Member], error: PermanentError) -> None:
    for member in members:
        if member.definition is None and error.about in (None, member.claim.task.table):
            with runtime.store.transaction() as session:
                session.run(statement("record_view_error"), **task_parameters(member.claim.task), error=str(error))
