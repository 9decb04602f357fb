"""Claimed work, and the one consequence that each error has."""

from __future__ import annotations

from collections.abc import Callable

import structlog

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
from shared.domain.states import TaskStatus
from shared.ports import Row
from shared.refresh.claim import Claim, task_parameters
from shared.refresh.ending import end, go_on, retry_later
from shared.refresh.runtime import Runtime
from shared.sql import statement

log = structlog.get_logger()


def load_task(runtime: Runtime, task: TaskId) -> Row:
    """The task that a message names; InvalidMessage when there is none."""
    with runtime.store.transaction() as session:
        rows = session.run(statement("load_task"), **task_parameters(task))
    if not rows:
        raise InvalidMessage(f"unknown_task: run {task.run_id} has no table {task.table}")
    return rows[0]


def attempt(runtime: Runtime, claim: Claim, message: TableMessage, task: Row, work: Callable[[], None]) -> bool:
    """Do the claimed work; whether this message goes on with the task. Every error has its one consequence here.

    A claim that was taken over ends quietly, whatever it was that this worker then stumbled over: an end is told once
    it is written.
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
        end(
            runtime,
            claim,
            TaskStatus.HELD,
            reason=error.reason,
            error=str(error),
            details=error.details,
            outcomes=error.outcomes,
            about=error.about,
        )
        log.warning("held", reason=error.reason, error=str(error))
        return False
    except Overtaken as error:
        end(runtime, claim, TaskStatus.SKIPPED, reason=error.reason, error=str(error), about=error.about)
        log.warning("skipped", reason=error.reason, error=str(error))
        return False
    except PermanentError as error:
        end(runtime, claim, TaskStatus.FAILED, reason=error.reason, error=str(error), about=error.about)
        log.error("failed", reason=error.reason, error=str(error))
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
