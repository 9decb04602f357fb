"""Publishing: one transaction that readers see whole or not at all, of one table or of a whole publish group.

In order: the compare-and-set on every claim, the lock of every registry row, the last look at what other runs have
published, the count of what is staged, the locks of the targets, then table by table the diff-merge and everything that
the publish makes true (partition state, registry, the task's end, which by trigger leaves audit, event and message);
materialized views last, from what was just written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.domain.definition import Definition
from shared.domain.errors import LockTimeout, PublishTooLarge, ResultLost, RetryNow, StatementTimeout, concerning
from shared.domain.ids import TableName
from shared.domain.states import TaskStatus
from shared.planning.groups import held_together, inputs_first
from shared.ports import Row, Session
from shared.refresh.claim import TaskClaim, UnitClaim, task_parameters
from shared.refresh.evolve import EVOLVED_ROWS, evolve_ahead
from shared.refresh.fence import fenced
from shared.refresh.fill import Filling, begin_filling
from shared.refresh.messages import owe_table_message
from shared.refresh.publish_table import TablePublish
from shared.refresh.publish_view import ViewPublish
from shared.refresh.runtime import Budget, Runtime
from shared.sql import statement


@dataclass(frozen=True, kw_only=True)
class Member:
    """One of the tables that are published together; `state` is its task's row, as it was after the claim."""

    claim: TaskClaim
    state: Row
    definition: Definition | None
    """None: a materialized view."""
    filling: Filling | None = None


Published = Mapping[TableName, TaskStatus]
"""The tables' final statuses."""


def publish(runtime: Runtime, claim: UnitClaim, members: Sequence[Member], budget: Budget) -> Published | None:
    """Publish the members, all or none; None when slices have to be loaded first after all.

    Locks are waited for briefly and asked for again after a random pause, so that nobody queues behind a waiting
    publish.
    Raises LockTimeout when they are never to be had, PublishTooLarge when all together take longer than
    `publish_reserve`; Held and PermanentError are about the member that they came from.
    """
    budget.check(reserve=runtime.limits.publish_reserve)
    members = [_with_filling(runtime, member, budget) for member in members]
    for attempt in range(1, runtime.limits.lock_attempts + 1):
        try:
            _evolve_ahead(runtime, claim, members)
            return _Publication(runtime, claim, members, budget.check).commit()
        except (LockTimeout, RetryNow):
            if attempt == runtime.limits.lock_attempts:
                raise
            runtime.steps.reached("publish_waits")
            runtime.clock.sleep(runtime.clock.random() * min(2.0**attempt, 8.0) / 2)
            budget.check(reserve=runtime.limits.publish_reserve)
        except ResultLost:
            members = [replace(member, filling=None) for member in members]
        except StatementTimeout as error:
            raise _too_large(members, runtime.limits.publish_reserve) from error
    raise AssertionError("unreachable")


def _with_filling(runtime: Runtime, member: Member, budget: Budget) -> Member:
    if member.definition is None:
        return member
    return replace(member, filling=begin_filling(runtime, member.claim, member.definition, member.state, budget))


def _evolve_ahead(runtime: Runtime, claim: UnitClaim, members: Sequence[Member]) -> None:
    """Where readers would wait for a long publish, the targets are changed in short transactions before it."""
    rows = sum(member.state["rows_staged"] for member in members)
    if len(members) == 1 and rows <= EVOLVED_ROWS:
        return
    for member in members:
        if member.definition is not None:
            with concerning(member.claim.task.table):
                evolve_ahead(runtime, claim, member.claim.task, member.definition)


def _too_large(members: Sequence[Member], seconds: float) -> PublishTooLarge:
    rows = sum(member.state["rows_staged"] for member in members)
    took = f"publishing {rows} rows took longer than {seconds:.0f} s. Choose a scope_column, or raise the time budget"
    names = ", ".join(str(member.claim.task.table) for member in members)
    together = "" if len(members) == 1 else ", or take tables out of the publish group"
    return PublishTooLarge(f"{names}: {took}{together}")


class _Publication:
    """One try at the publish transaction."""

    def __init__(
        self, runtime: Runtime, claim: UnitClaim, members: Sequence[Member], check: Callable[[], None]
    ) -> None:
        self._runtime = runtime
        self._claim = claim
        self._members = members
        self._check = check

    def commit(self) -> Published | None:
        """The final statuses; None when slices have to be loaded first after all."""
        limits = self._runtime.limits
        with fenced(
            self._runtime,
            self._claim,
            lock_timeout=limits.lock_timeout,
            statement_timeout=limits.publish_reserve,
            isolation=_isolation(self._members),
        ) as session:
            self._runtime.steps.reached("publish_fenced")
            published = self._publish(session)
        if published is not None:
            self._runtime.steps.reached("publish_committed")
        return published

    def _publish(self, session: Session) -> Published | None:
        end = self._runtime.clock.monotonic() + self._runtime.limits.publish_reserve
        names = [member.claim.task.table for member in self._members]
        session.run(
            statement("lock_registry_rows"),
            schemas=[name.schema for name in names],
            names=[name.name for name in names],
        )
        tables = self._tables(session)
        for one in tables:
            with concerning(one.table):
                one.check_mode()
        if not self._settled(session, tables):
            return None
        for one in tables:
            with concerning(one.table):
                one.lock()
        self._runtime.steps.reached("publish_locked")
        parts: list[TablePublish | ViewPublish] = [*tables, *self._views(session)]
        published = {}
        for part in parts:
            self._limit(session, end)
            with concerning(part.table):
                published[part.table] = part.write()
        return published

    def _tables(self, session: Session) -> list[TablePublish]:
        return [
            TablePublish(self._runtime, session, one.claim, one.definition, one.state, one.filling, self._check)
            for one in self._members
            if one.definition is not None
        ]

    def _settled(self, session: Session, tables: Sequence[TablePublish]) -> bool:
        """The last look at every table; False when one has to load more, for which the others wait."""
        loading = [one.table for one in tables if not one.settle()]
        if loading:
            self._wait(session, loading)
            return False
        if len(self._members) > 1:
            held = held_together([one.settled for one in tables])
            for one in tables:
                one.hold(held[one.table])
        return True

    def _wait(self, session: Session, loading: Sequence[TableName]) -> None:
        """The worker at hand goes on with its own table, messages are owed for others that load; the rest waits."""
        for member in self._members:
            task = member.claim.task
            if task.table not in loading:
                session.run(statement("give_back"), **task_parameters(task))
            elif task != self._claim.task:
                owe_table_message(session, task, member.state["handler"], lane=0)

    def _views(self, session: Session) -> list[ViewPublish]:
        """In an order in which a view comes after those that it reads."""
        views = {one.claim.task.table: one for one in self._members if one.definition is None}
        rows = session.run(
            statement("inputs_of_tables"),
            schemas=[view.schema for view in views],
            names=[view.name for view in views],
        )
        inputs: dict[TableName, list[TableName]] = {view: [] for view in views}
        for row in rows:
            view = TableName(schema=row["table_schema"], name=row["table_name"])
            inputs[view].append(TableName(schema=row["depends_on_schema"], name=row["depends_on_name"]))
        return [
            ViewPublish(self._runtime, session, views[view].claim, views[view].state)
            for view in inputs_first(views, inputs)
        ]

    def _limit(self, session: Session, end: float) -> None:
        """All statements together keep within the time that the publish was begun with."""
        left = end - self._runtime.clock.monotonic()
        if left <= 0:
            raise StatementTimeout("the publish has used up its time")
        session.run(f"SET LOCAL statement_timeout = {max(1, round(left * 1000))}")


def _isolation(members: Sequence[Member]) -> str:
    """A shadow is compared with a table that another program may write meanwhile: as one snapshot shows both."""
    shadows = any(member.definition is not None and member.definition.shadow for member in members)
    return "repeatable read" if shadows else "read committed"
