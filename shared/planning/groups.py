"""Publish groups: tables that change together or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from shared.domain.errors import Held
from shared.domain.ids import TableName
from shared.domain.scope import Scope
from shared.domain.states import ScopeAction, TaskStatus
from shared.planning.refusals import shared_reason
from shared.planning.settlement import Settlement

GROUP_HELD = "group_held"
_WRITTEN = (ScopeAction.CHANGED, ScopeAction.VANISHED)


def group_held(table: TableName, status: TaskStatus, reason: str | None) -> str:
    """Why the other tables of a group are held: `table` has come to that end."""
    why = f" ({reason})" if reason else ""
    return f"{table} is {status}{why}, and the tables of a publish group change together or not at all"


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A table of a group with what is to become of its scopes."""

    table: TableName
    scope: Scope | None
    settlement: Settlement

    @property
    def division(self) -> tuple[str, str | None] | None:
        """Tables of the same division have the same scope values; None: this one is not divided."""
        return (self.scope.column, self.scope.bucket) if self.scope else None


def held_together(tables: Sequence[Settled]) -> dict[TableName, set[str | None]]:
    """The scope values that each table must leave alone because another one of the group holds them.

    So a report that is held in one table is not shown beside a newer version of it in another. Raises Held, about the
    table that holds, when a table would be left with nothing to publish, or is not divided in the same way.
    """
    found: dict[TableName, set[str | None]] = {one.table: set() for one in tables}
    for holding in tables:
        held = set(holding.settlement.having(ScopeAction.HELD))
        if not held:
            continue
        for one in tables:
            written = set(one.settlement.having(*_WRITTEN))
            if one is not holding and written and one.division != holding.division:
                raise _held(holding, f"{one.table} is not divided in the same way")
            found[one.table] |= written & held
            if (written or one is holding) and written <= found[one.table]:
                raise _held(holding, f"without them {one.table} has nothing to publish")
    return found


def _held(holding: Settled, why: str) -> Held:
    scopes = holding.settlement.having(ScopeAction.HELD)
    error = Held(
        f"{len(scopes)} scope(s) of {holding.table} are held, and {why}: the publish group waits for them",
        reason=shared_reason(holding.settlement.refused.values(), held=len(scopes)),
        details={"scopes_held": len(scopes)},
    )
    error.about = holding.table
    return error


def inputs_first(tables: Iterable[TableName], inputs: Mapping[TableName, Iterable[TableName]]) -> list[TableName]:
    """The tables in an order in which each comes after those of them that it is computed from."""
    listed = sorted(tables)
    known = set(listed)
    graph = {table: sorted(known.intersection(inputs.get(table, ()))) for table in listed}
    return list(TopologicalSorter(graph).static_order())
