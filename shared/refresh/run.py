"""The order of the path, and nothing else says it: define, plan, load each slice, publish.

A message names a task. The worker does whatever the task's phase asks for, one claimed step after the other, until the
task has ended, another worker has it, or the time is up. Every step may be the last one of this process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from shared import tracing
from shared.domain.definition import Definition
from shared.domain.errors import (
    ClaimLost,
    Held,
    InvalidMessage,
    OutOfTime,
    Overtaken,
    PermanentError,
    RetryLater,
    RetryNow,
)
from shared.domain.ids import TaskId
from shared.domain.messages import TableMessage
from shared.domain.states import Mode, Phase, TaskStatus
from shared.ports import Row
from shared.refresh.claim import Claim, SliceClaim, TaskClaim, UnitClaim, claim_slice, claim_task, task_parameters
from shared.refresh.define import Datasets, define
from shared.refresh.drift import evolved_by_publishes_only
from shared.refresh.dry_run import dry_run
from shared.refresh.ending import DEFINITION_CHANGED, end, go_on, retry_later
from shared.refresh.frozen import frozen_definition
from shared.refresh.lease import KeptLease
from shared.refresh.load import load_slice
from shared.refresh.plan import plan
from shared.refresh.publish import Member, publish
from shared.refresh.runtime import Budget, Runtime
from shared.refresh.shadow import for_mode
from shared.refresh.staged_checks import judge_staged
from shared.refresh.verify import verify
from shared.sql import statement

log = structlog.get_logger()


class TableRefresh:
    """The work on one message's task. `datasets` are the handler's own queries by table name; empty: plain copies."""

    def __init__(self, runtime: Runtime, message: TableMessage, datasets: Datasets) -> None:
        self._runtime = runtime
        self._message = message
        self._datasets = datasets
        self._budget = Budget(runtime)
        self._definition: Definition | None = None

    def run(self) -> None:
        """Work until there is nothing more for this message to do. InvalidMessage when there is no such task."""
        while self._step():
            continue

    def _step(self) -> bool:
        task = load_task(self._runtime, self._message.task)
        if TaskStatus(task["status"]).ended:
            log.info("task had ended", status=task["status"])
            return False
        match Phase(task["phase"]):
            case Phase.PLANNING:
                return self._claimed_planning(task)
            case Phase.LOADING:
                return self._claimed_slice(task)
            case Phase.STAGED | Phase.PUBLISHING:
                return self._claimed_publish(task)

    def _claimed_planning(self, task: Row) -> bool:
        claim = claim_task(self._runtime, self._message.task, phases=(Phase.PLANNING,), phase=Phase.PLANNING)
        if claim is None:
            log.info("somebody else has the task", phase=task["phase"])
            return False
        self._runtime.steps.reached("planning_claimed")
        return attempt(self._runtime, claim, self._message, task, partial(self._plan, claim, task))

    def _claimed_publish(self, task: Row) -> bool:
        own = claim_task(
            self._runtime, self._message.task, phases=(Phase.STAGED, Phase.PUBLISHING), phase=Phase.PUBLISHING
        )
        if own is None:
            log.info("somebody else has the task", phase=task["phase"])
            return False
        claim = UnitClaim(task=self._message.task, members=(own,))
        self._runtime.steps.reached("publishing_claimed")
        return attempt(self._runtime, claim, self._message, task, partial(self._publish, claim))

    def _claimed_slice(self, task: Row) -> bool:
        claim = claim_slice(self._runtime, self._message.task)
        if claim is None:
            return Phase(load_task(self._runtime, self._message.task)["phase"]) is Phase.STAGED
        self._runtime.steps.reached("slice_claimed")
        with structlog.contextvars.bound_contextvars(slice=claim.slice_no):
            return attempt(self._runtime, claim, self._message, task, partial(self._load, claim, task))

    def _plan(self, claim: TaskClaim, task: Row) -> None:
        look = verify if Mode(task["mode"]) is Mode.VERIFY else plan
        with tracing.span(look.__name__), KeptLease(self._runtime, claim):
            definition = self._defined(task, None)
            evolved_by_publishes_only(definition, Mode(task["mode"]))
            self._definition = for_mode(self._runtime, definition, Mode(task["mode"]))
            look(self._runtime, claim, self._definition, task, self._budget)

    def _load(self, claim: SliceClaim, task: Row) -> None:
        with tracing.span("load slice", attributes={"refresh.slice": claim.slice_no}):
            load_slice(self._runtime, claim, self._defined(task, task["definition_hash"]), task, self._budget)

    def _publish(self, claim: UnitClaim) -> None:
        with tracing.span("publish"), KeptLease(self._runtime, claim):
            members = [self._member(part) for part in claim.members]
            for one in members:
                judge_staged(self._runtime, claim, one.definition, one.claim.task, one.state)
            finish = dry_run if all(Mode(one.state["mode"]) is Mode.DRY_RUN for one in members) else publish
            published = finish(self._runtime, claim, members, self._budget)
        if published is None:
            log.info("slices have to be loaded first")
        for table, status in (published or {}).items():
            log.info("finished", finished=str(table), status=status)

    def _member(self, claim: TaskClaim) -> Member:
        state = load_task(self._runtime, claim.task)
        return Member(claim=claim, state=state, definition=frozen_definition(self._runtime.store, claim.task, state))

    def _defined(self, task: Row, planned_hash: str | None) -> Definition:
        if self._definition is None:
            self._definition = define(self._runtime, self._message.table, self._datasets, as_of=task["snapshot_at"])
        if planned_hash is not None and planned_hash != self._definition.hash:
            raise PermanentError(
                f"{self._message.table}: source, target or registration changed while the run was under way; "
                "nothing was published, the next run takes them as they are now",
                reason=DEFINITION_CHANGED,
            )
        return self._definition


def load_task(runtime: Runtime, task: TaskId) -> Row:
    """The task that a message names; InvalidMessage when there is none."""
    with runtime.store.transaction() as session:
        rows = session.run(statement("load_task"), **task_parameters(task))
    if not rows:
        raise InvalidMessage(f"unknown_task: run {task.run_id} has no table {task.table}")
    return rows[0]


def attempt(runtime: Runtime, claim: Claim, message: TableMessage, task: Row, work: Callable[[], None]) -> bool:
    """Do the claimed work; whether this message goes on with the task. Every error has its one consequence here.

    A claim that was taken over ends quietly, whatever it was that this worker then stumbled over.
    """
    try:
        return _attempt(runtime, claim, message, task, work)
    except ClaimLost as error:
        log.warning("claim lost", error=str(error))
        return False


def _attempt(runtime: Runtime, claim: Claim, message: TableMessage, task: Row, work: Callable[[], None]) -> bool:
    try:
        if claim.attempt > runtime.limits.max_attempts:
            raise PermanentError(
                f"{claim.task.table} was tried {runtime.limits.max_attempts} times without progress; "
                f"the last error was: {_last_error(task)}",
                reason="attempts_exhausted",
            )
        work()
    except ClaimLost:
        raise
    except OutOfTime as error:
        log.info("goes on in another message", why=str(error))
        go_on(runtime, claim, handler=task["handler"], lane=message.lane, continuation=message.continuation + 1)
        return False
    except Held as error:
        log.warning("held", reason=error.reason, error=str(error))
        end(
            runtime,
            claim,
            TaskStatus.HELD,
            reason=error.reason,
            error=str(error),
            details=error.details,
            outcomes=error.outcomes,
            about=error.table,
        )
        return False
    except Overtaken as error:
        log.warning("skipped", reason=error.reason, error=str(error))
        end(runtime, claim, TaskStatus.SKIPPED, reason=error.reason, error=str(error))
        return False
    except PermanentError as error:
        log.error("failed", reason=error.reason, error=str(error))
        end(runtime, claim, TaskStatus.FAILED, reason=error.reason, error=str(error))
        return False
    except RetryLater as error:
        log.warning("will be tried again", reason=error.reason, error=str(error))
        retry_later(runtime, claim, reason=error.reason, error=str(error), at_least=error.at_least)
        return isinstance(error, RetryNow)
    except Exception as error:
        log.exception("unexpected error")
        retry_later(runtime, claim, reason="internal_error", error=f"{type(error).__name__}: {error}", at_least=0.0)
        return False
    return True


def _last_error(task: Row) -> str:
    return f"{task['reason']}: {task['error']}" if task["reason"] else "none recorded (the worker died)"
