"""Changed scopes packed into slices: one slice, one BigQuery job, one result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.figures import Figures, combine
from shared.domain.states import ScopeAction
from shared.planning.scopes import PlannedScope


@dataclass(frozen=True, kw_only=True)
class PlannedSlice:
    """Scope values that are read together, with what BigQuery says of them."""

    number: int
    scopes: tuple[str | None, ...]
    rows: int
    rows_read: int
    figures: Figures


def plan_slices(scopes: Iterable[PlannedScope], *, target_rows: int, first_number: int = 0) -> list[PlannedSlice]:
    """Pack the changed scopes, in their order, into slices of at most `target_rows`; a larger scope is a slice by
    itself."""
    packs: list[list[PlannedScope]] = []
    size = 0
    for scope in scopes:
        if scope.action is not ScopeAction.CHANGED:
            continue
        if not packs or size + scope.rows > target_rows:
            packs.append([])
            size = 0
        packs[-1].append(scope)
        size += scope.rows
    return [_slice(number, pack) for number, pack in enumerate(packs, start=first_number)]


def _slice(number: int, pack: list[PlannedScope]) -> PlannedSlice:
    figures: Figures = {}
    for scope in pack:
        figures = combine(figures, scope.figures)
    return PlannedSlice(
        number=number,
        scopes=tuple(scope.value for scope in pack),
        rows=sum(scope.rows for scope in pack),
        rows_read=sum(scope.rows_read for scope in pack),
        figures=figures,
    )
