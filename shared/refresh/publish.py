"""Publishing: one transaction that readers see whole or not at all, of one table or of several that publish together.

In order: the compare-and-set on every claim, the lock of every registry row, the last look at what other runs have
published, the count of what is staged, the locks of the targets, then table by table the diff-merge and everything that
the publish makes true (partition state, registry, the task's end, which by trigger leaves audit, event and message).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.domain.definition import Definition
from shared.domain.errors import LockTimeout, PublishTooLarge, ResultLost, RetryNow, StatementTimeout
from shared.domain.ids import TableName
from shared.domain.states import TaskStatus
from shared.ports import Row, Session
from shared.refresh.claim import TaskClaim, UnitClaim
from shared.refresh.drift import evolve_ahead
from shared.refresh.fence import fenced
from shared.refresh.fill import Filling, begin_filling
from shared.refresh.publish_table import TablePublish
from shared.refresh.runtime import Budget, Runtime
from shared.sql import statement


@dataclass(frozen=True, kw_only=True)
class Member:
    """One of the tables that are published together; `state` is its task's row, as it was after the claim."""

    claim: TaskClaim
    state: Row
    definition: Definition
    filling: Filling | None = None


Published = Mapping[TableName, TaskStatus]
"""The tables' final statuses."""


def publish(runtime: Runtime, claim: UnitClaim, members: Sequence[Member], budget: Budget) -> Published | None:
    """Publish the members, all or none; None when slices have to be loaded first after all.

    Locks are waited for briefly and asked for again after a random pause, so that nobody queues behind a waiting
    publish.
    Raises LockTimeout when they are never to be had, PublishTooLarge when the statement timeout cuts the work off.
    """
    budget.check(reserve=runtime.limits.publish_reserve)
    members = [_with_filling(runtime, member, budget) for member in members]
    for attempt in range(1, runtime.limits.lock_attempts + 1):
        try:
            for member in members:
                evolve_ahead(runtime, claim, member.claim.task, member.definition, member.state)
            return _commit(runtime, claim, members, budget.check)
        except (LockTimeout, RetryNow):
            if attempt == runtime.limits.lock_attempts:
                raise
            runtime.steps.reached("publish_waits")
            runtime.clock.sleep(runtime.clock.random() * min(2.0**attempt, 8.0) / 2)
            budget.check(reserve=runtime.limits.publish_reserve)
        except ResultLost:
            members = [replace(member, filling=None) for member in members]
        except StatementTimeout as error:
            rows = sum(member.state["rows_staged"] for member in members)
            raise PublishTooLarge(
                f"{claim.task.table}: publishing {rows} rows took longer than "
                f"{runtime.limits.publish_reserve:.0f} s. Choose a scope_column, or raise the time budget"
            ) from error
    raise AssertionError("unreachable")


def _with_filling(runtime: Runtime, member: Member, budget: Budget) -> Member:
    filling = begin_filling(runtime, member.claim, member.definition, member.state, budget)
    return replace(member, filling=filling)


def _commit(
    runtime: Runtime, claim: UnitClaim, members: Sequence[Member], check: Callable[[], None]
) -> Published | None:
    """One try at the publish transaction."""
    limits = runtime.limits
    with fenced(
        runtime,
        claim,
        lock_timeout=limits.lock_timeout,
        statement_timeout=limits.publish_reserve,
        isolation=_isolation(members),
    ) as session:
        runtime.steps.reached("publish_fenced")
        published = _publish_all(
            runtime,
            session,
            [
                TablePublish(runtime, session, member.claim, member.definition, member.state, member.filling, check)
                for member in members
            ],
        )
    if published is not None:
        runtime.steps.reached("publish_committed")
    return published


def _isolation(members: Sequence[Member]) -> str:
    """A shadow is compared with a table that another program may write meanwhile: as one snapshot shows both."""
    return "repeatable read" if any(member.definition.shadow for member in members) else "read committed"


def _publish_all(runtime: Runtime, session: Session, tables: Sequence[TablePublish]) -> Published | None:
    session.run(
        statement("lock_registry_rows"),
        schemas=[one.table.schema for one in tables],
        names=[one.table.name for one in tables],
    )
    for one in tables:
        one.check_mode()
    settled = [one.settle() for one in tables]
    if not all(settled):
        return None
    for one in tables:
        one.lock()
    runtime.steps.reached("publish_locked")
    return {one.table: one.write() for one in tables}
