"""Materialized views: there is nothing to load, so a view is staged once its inputs are, and published like a table."""

from __future__ import annotations

from functools import partial

import structlog

from shared.domain.messages import TableMessage
from shared.domain.states import Phase, TaskStatus
from shared.refresh.attempt import attempt, load_task
from shared.refresh.claim import TaskClaim, claim_task, task_parameters
from shared.refresh.fence import fenced
from shared.refresh.runtime import Budget, Runtime
from shared.refresh.unit import publish_unit
from shared.sql import statement

log = structlog.get_logger()


class ViewRefresh:
    """The work on one message's materialized view."""

    def __init__(self, runtime: Runtime, message: TableMessage) -> None:
        self._runtime = runtime
        self._message = message
        self._budget = Budget(runtime)

    def run(self) -> None:
        """Refresh the view, unless the task has ended, somebody else has it, or its publish group is not complete."""
        while self._step():
            continue

    def _step(self) -> bool:
        task = load_task(self._runtime, self._message.task)
        if TaskStatus(task["status"]).ended:
            log.info("task had ended", status=task["status"])
            return False
        if Phase(task["phase"]) is not Phase.PLANNING:
            return publish_unit(self._runtime, self._message, task, self._budget)
        claim = claim_task(self._runtime, self._message.task, phases=(Phase.PLANNING,), phase=Phase.PLANNING)
        if claim is None:
            log.info("somebody else has the task")
            return False
        self._runtime.steps.reached("view_claimed")
        return attempt(self._runtime, claim, self._message, task, partial(self._stage, claim))

    def _stage(self, claim: TaskClaim) -> None:
        with fenced(self._runtime, claim) as session:
            session.run(statement("stage_view"), **task_parameters(claim.task))
        self._runtime.steps.reached("view_staged")
