"""A run as a picture: tables as bars along the time, their slices inside. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.api.pages.words import Tone, state
from functions.api.written import time_of

WIDTH = 100.0
"""The picture is as wide as its place: places in it are per cent."""
_LEAST = 0.4
"""Even what took no time can be seen."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)
_TICKS = 6
_LAST_MARK = 0.85
"""Of the width: behind that there is room for the end's mark alone."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A piece of time, from x on in per cent of the picture."""

    x: float
    width: float
    tone: Tone
    title: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A table's part of the picture."""

    table: Mapping[str, Any]
    waiting: Span | None
    work: Span | None
    slices: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on the time's axis."""

    x: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The picture."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]


def of(run: Mapping[str, Any], tables: Sequence[Mapping[str, Any]], *, now: datetime) -> Timeline:
    """The picture of a run, as far as it is."""
    start, end = time_of(run["created_at"]), time_of(run["finished_at"]) or now
    assert start is not None, "every run was made at some time"
    scale = _Scale(start=start, end=max(end, start + timedelta(seconds=1)))
    return Timeline(bars=tuple(_bar(one, scale) for one in tables), ticks=scale.ticks())


@dataclass(frozen=True, kw_only=True)
class _Scale:
    start: datetime
    end: datetime

    def span(self, begin: datetime | None, finish: datetime | None, tone: Tone, title: str) -> Span | None:
        if begin is None:
            return None
        x = self._at(begin)
        return Span(x=x, width=round(max(_LEAST, self._at(finish or self.end) - x), 2), tone=tone, title=title)

    def ticks(self) -> tuple[Tick, ...]:
        seconds = (self.end - self.start).total_seconds()
        step = next((one for one in _STEPS if seconds / one <= _TICKS), _STEPS[-1])
        marks = (mark for mark in range(0, int(seconds) + 1, step) if mark / seconds < _LAST_MARK)
        regular = [Tick(x=round(WIDTH * mark / seconds, 2), label=_label(mark)) for mark in marks]
        return (*regular, Tick(x=WIDTH, label=_label(round(seconds))))

    def _at(self, moment: datetime) -> float:
        share = (moment - self.start) / (self.end - self.start)
        return round(min(1.0, max(0.0, share)) * (WIDTH - _LEAST), 2)


def _bar(one: Mapping[str, Any], scale: _Scale) -> Bar:
    created, started, finished = (time_of(one[name]) for name in ("created_at", "started_at", "finished_at"))
    how = state(one["status"])
    return Bar(
        table=one,
        waiting=scale.span(created, started or finished, "calm", "waiting"),
        work=scale.span(started, finished, how.tone, f"{one['table']}: {how.word}"),
        slices=tuple(span for part in one["slices"] if (span := _slice(part, scale)) is not None),
    )


def _slice(part: Mapping[str, Any], scale: _Scale) -> Span | None:
    tone: Tone = {"done": "good", "running": "busy"}.get(part["status"], "calm")  # type: ignore[assignment]
    title = f"slice {part['slice_no']}: {part['rows_received']} of {part['rows_expected']} rows, {part['status']}"
    return scale.span(time_of(part["started_at"]), time_of(part["finished_at"]), tone, title)


def _label(seconds: int) -> str:
    hours, minutes, rest = seconds // 3600, seconds % 3600 // 60, seconds % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"
