"""The order of the path, and nothing else says it: define, plan, load each slice, publish.

A message names a task. The worker does whatever the task's phase asks for, one claimed step after the other, until the
task has ended, another worker has it, or the time is up. Every step may be the last one of this process.
"""

from __future__ import annotations

from functools import partial

import structlog

from shared import tracing
from shared.domain.definition import Definition
from shared.domain.errors import PermanentError
from shared.domain.messages import TableMessage
from shared.domain.states import Mode, Phase, TaskStatus
from shared.ports import Row
from shared.refresh.attempt import attempt, load_task
from shared.refresh.claim import SliceClaim, TaskClaim, claim_slice, claim_task
from shared.refresh.define import define
from shared.refresh.definition_fit import Datasets
from shared.refresh.ending import DEFINITION_CHANGED
from shared.refresh.evolve import evolved_by_publishes_only
from shared.refresh.lease import KeptLease
from shared.refresh.load import load_slice
from shared.refresh.plan import plan
from shared.refresh.runtime import Budget, Runtime
from shared.refresh.shadow import for_mode
from shared.refresh.unit import publish_unit
from shared.refresh.verify import verify

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
                return publish_unit(self._runtime, self._message, task, self._budget)

    def _claimed_planning(self, task: Row) -> bool:
        claim = claim_task(self._runtime, self._message.task, phases=(Phase.PLANNING,), phase=Phase.PLANNING)
        if claim is None:
            log.info("somebody else has the task", phase=task["phase"])
            return False
        self._runtime.steps.reached("planning_claimed")
        return attempt(self._runtime, claim, self._message, task, partial(self._plan, claim, task))

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
