"""Pictures as numbers: where each bar stands. Templates draw them as SVG. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from functions.api.overview import TableOutline
from functions.api.pages.words import State, state

WIDTH = 1000.0
"""Of every picture, in its own units: it is as wide as its place."""
_GAP = 4.0


@dataclass(frozen=True, kw_only=True)
class Share:
    """A part of the bar that shows all tables."""

    name: str
    state: State
    count: int
    x: float
    width: float


def shares(tables: Sequence[TableOutline], differing: Set[str] = frozenset()) -> list[Share]:
    """The tables by how they stand, as parts of one bar; even the smallest can be seen.

    `differing`: those that a verification has found not to hold what their sources have.
    """
    standings = ((one.table, _standing(one)) for one in tables if one.mode == "live")
    counted = Counter("not_equal" if name == "fresh" and table in differing else name for table, name in standings)
    order = [
        name
        for name in (
            "fresh",
            "warning",
            "skipped",
            "held",
            "never_refreshed",
            "failed",
            "stale",
            "not_equal",
            "missing",
        )
        if counted[name]
    ]
    least = 12.0
    room = WIDTH - least * len(order) - _GAP * max(0, len(order) - 1)
    total = sum(counted.values())
    parts, x = [], 0.0
    for name in order:
        width = least + room * counted[name] / total
        parts.append(Share(name=name, state=state(name), count=counted[name], x=round(x, 1), width=round(width, 1)))
        x += width + _GAP
    return parts


def _standing(one: TableOutline) -> str:
    if one.is_missing:
        return "missing"
    if one.is_stale:
        return "stale"
    if one.last_status in ("failed", "held", "skipped", "warning"):
        return one.last_status
    return "never_refreshed" if one.data_as_of is None else "fresh"
