"""A backfill that is visible part by part: its range cut into windows, each the work of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RangeScope:
    """A scope value of the range as a plan found it."""

    value: str
    rows: int
    published_rows: int
    loads: bool
    """Whether its rows have to be read."""
    vanished: bool = False

    @property
    def waits(self) -> bool:
        """Whether there is anything to do for it."""
        return self.loads or self.vanished


@dataclass(frozen=True, kw_only=True)
class Window:
    """Scope values from one to another, dates as text; `scopes` and `rows` are those that there is something to do
    for."""

    scope_from: str
    scope_to: str
    scopes: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Gates:
    """The gates of the whole table, which the whole range has passed."""

    min_ratio: float = 0.5
    max_deleted_share: float = 1.0

    def admit(self, scopes: Sequence[RangeScope]) -> bool:
        """Whether the scopes would pass them by themselves."""
        published = sum(scope.published_rows for scope in scopes)
        gone = sum(scope.published_rows for scope in scopes if scope.vanished)
        found = sum(scope.rows for scope in scopes)
        return found >= self.min_ratio * published and gone <= self.max_deleted_share * published


def windows(scopes: Sequence[RangeScope], *, target_rows: int, gates: Gates) -> list[Window]:
    """Cut the scopes, in order, into windows with at most `target_rows` to be read; what there is nothing to do for is
    left out.

    A window grows beyond that where one scope is larger, or where the gates would hold it by itself: days that are gone
    are judged beside others, as they were in the whole range.
    """
    cut: list[list[RangeScope]] = []
    for scope in scopes:
        full = not cut or _rows(cut[-1]) + _rows([scope]) > target_rows
        if full and (not cut or gates.admit(cut[-1])):
            cut.append([scope])
        else:
            cut[-1].append(scope)
    while len(cut) > 1 and not gates.admit(cut[-1]):
        cut[-2:] = [cut[-2] + cut[-1]]
    return [_window(_trimmed(part, gates)) for part in cut if any(scope.waits for scope in part)]


def _trimmed(scopes: list[RangeScope], gates: Gates) -> list[RangeScope]:
    """From the first scope to the last that there is something to do for, if the gates let that pass too."""
    waiting = [position for position, scope in enumerate(scopes) if scope.waits]
    part = scopes[waiting[0] : waiting[-1] + 1]
    return part if gates.admit(part) else scopes


def _window(scopes: list[RangeScope]) -> Window:
    return Window(
        scope_from=scopes[0].value,
        scope_to=scopes[-1].value,
        scopes=sum(scope.waits for scope in scopes),
        rows=_rows(scopes),
    )


def _rows(scopes: Sequence[RangeScope]) -> int:
    return sum(scope.rows for scope in scopes if scope.loads)
