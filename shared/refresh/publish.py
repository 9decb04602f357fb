"""Publishing: one transaction that readers see whole or not at all.

In order: the compare-and-set on the claim, the registry row's lock, the last look at what other runs have published,
the count of what is staged, the diff-merge, and everything that the publish makes true (partition state, registry,
the task's end, which by trigger leaves audit, event and message).
"""

from __future__ import annotations

from collections.abc import Callable

from shared.domain.definition import Definition
from shared.domain.errors import LockTimeout, PublishTooLarge, ResultLost, RetryNow, StatementTimeout
from shared.domain.states import ScopeAction, TaskStatus
from shared.planning.settlement import Settlement
from shared.ports import Row, Session
from shared.refresh.claim import TaskClaim, task_parameters
from shared.refresh.fence import fenced
from shared.refresh.fill import Filling, begin_filling, fill, stage_instead
from shared.refresh.last_look import drop_superseded, load_more, lost_slices, reopen, settle_task
from shared.refresh.merge import Merge, Written, target_is_empty, target_name
from shared.refresh.record import record
from shared.refresh.runtime import Budget, Runtime
from shared.sql import statement


def publish(runtime: Runtime, claim: TaskClaim, definition: Definition, task: Row, budget: Budget) -> TaskStatus | None:
    """Publish the task; its final status, or None when slices have to be loaded first after all.

    Locks are waited for briefly and asked for again after a random pause, so that nobody queues behind a waiting
    publish.
    Raises LockTimeout when they are never to be had, PublishTooLarge when the statement timeout cuts the work off.
    """
    budget.check(reserve=runtime.limits.publish_reserve)
    filling = begin_filling(runtime, claim, definition, task, budget)
    for attempt in range(1, runtime.limits.lock_attempts + 1):
        try:
            return _Publication(runtime, claim, definition, task, filling, budget.check).commit()
        except (LockTimeout, RetryNow):
            if attempt == runtime.limits.lock_attempts:
                raise
            runtime.steps.reached("publish_waits")
            runtime.clock.sleep(runtime.clock.random() * min(2.0**attempt, 8.0) / 2)
            budget.check(reserve=runtime.limits.publish_reserve)
        except ResultLost:
            filling = None
        except StatementTimeout as error:
            raise PublishTooLarge(
                f"{definition.table}: publishing {task['rows_staged']} rows took longer than "
                f"{runtime.limits.publish_reserve:.0f} s. Choose a scope_column, or raise the time budget"
            ) from error
    raise AssertionError("unreachable")


class _Publication:
    """One try at the publish transaction."""

    def __init__(
        self,
        runtime: Runtime,
        claim: TaskClaim,
        definition: Definition,
        state: Row,
        filling: Filling | None,
        check: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._claim = claim
        self._definition = definition
        self._state = state
        self._filling = filling
        self._check = check

    def commit(self) -> TaskStatus | None:
        """The task's final status; None when slices have to be loaded first after all."""
        limits = self._runtime.limits
        with fenced(
            self._runtime, self._claim, lock_timeout=limits.lock_timeout, statement_timeout=limits.publish_reserve
        ) as session:
            self._runtime.steps.reached("publish_fenced")
            settlement = settle_task(session, self._claim.task, self._definition, self._state)
            filling = self._state["fill"] and self._state["staging_table"] is None
            status = self._fill(session, settlement) if filling else self._merge(session, settlement)
        if status is not None:
            self._runtime.steps.reached("publish_committed")
        return status

    def _merge(self, session: Session, settlement: Settlement) -> TaskStatus | None:
        task = self._claim.task
        if settlement.to_load:
            load_more(session, task, self._definition, self._state, settlement)
            return None
        lost = lost_slices(session, task, self._state)
        if lost:
            reopen(session, task, self._definition, lost)
            return None
        superseded = drop_superseded(session, task, self._definition, self._state, settlement)
        self._lock_target(session)
        self._runtime.steps.reached("publish_locked")
        scopes = settlement.having(ScopeAction.CHANGED, ScopeAction.VANISHED)
        staged = self._state["rows_staged"] - superseded
        written = (
            Merge(session, task, self._definition, scopes=scopes, staged_rows=staged).run() if scopes else Written()
        )
        return self._record(session, self._state, settlement, written, superseded)

    def _fill(self, session: Session, settlement: Settlement) -> TaskStatus | None:
        self._lock_target(session)
        in_the_way = settlement.to_load or settlement.having(ScopeAction.SUPERSEDED)
        if self._filling is None or in_the_way or not target_is_empty(session, self._definition):
            stage_instead(session, self._claim, self._definition)
            return None
        self._runtime.steps.reached("publish_locked")
        written = fill(self._runtime, session, self._claim, self._definition, self._filling, self._check)
        (filled,) = session.run(statement("filled_rows"), **task_parameters(self._claim.task))
        return self._record(session, self._state | filled, settlement, written, 0)

    def _record(
        self, session: Session, state: Row, settlement: Settlement, written: Written, superseded: int
    ) -> TaskStatus:
        self._runtime.steps.reached("publish_merged")
        status = record(session, self._claim.task, self._definition, state, settlement, written, superseded)
        self._runtime.steps.reached("publish_recorded")
        return status

    def _lock_target(self, session: Session) -> None:
        """Readers pass, other writers wait."""
        session.run(f"LOCK TABLE {target_name(self._definition)} IN SHARE ROW EXCLUSIVE MODE")
        session.run("SET LOCAL work_mem = '64MB'")
