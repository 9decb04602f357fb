"""Pictures of days: rows that a table moved, how long that took, and what was billed. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

WIDTH, HEIGHT = 600.0, 120.0
_KINDS = ("inserted", "updated", "deleted")
_LEAST = 2.0


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A coloured part of a day's bar."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day's bar, and what it says in words."""

    day: date
    x: float
    width: float
    pieces: tuple[Piece, ...]
    title: str


@dataclass(frozen=True, kw_only=True)
class Days:
    """The picture; `top` is what its height stands for."""

    days: tuple[Day, ...]
    top: float
    first: date
    last: date


def moved(per_day: Sequence[Mapping[str, Any]], *, days: int, today: date) -> Days:
    """Rows inserted, updated and deleted each day, one upon the other."""

    def values(row: Mapping[str, Any]) -> list[tuple[str, int]]:
        return [(kind, row[f"rows_{kind}"]) for kind in _KINDS]

    return _picture(per_day, values, days=days, today=today, unit="rows")


def durations(per_day: Sequence[Mapping[str, Any]], *, days: int, today: date) -> Days:
    """How long refreshes took each day: half of them no longer than the strong part, 95 of 100 than all of it."""

    def values(row: Mapping[str, Any]) -> list[tuple[str, int]]:
        half, most = row["duration_p50_ms"] or 0, row["duration_p95_ms"] or 0
        return [("p50", half), ("p95", max(0, most - half))]

    return _picture(per_day, values, days=days, today=today, unit="ms")


def billed(per_day: Sequence[Mapping[str, Any]], *, month: date) -> Days:
    """What BigQuery billed on each day of a month, in dollars."""

    def values(row: Mapping[str, Any]) -> list[tuple[str, float]]:
        return [("p50", row["usd"])]

    days = monthrange(month.year, month.month)[1]
    return _picture(per_day, values, days=days, today=month.replace(day=days), unit="usd")


def _picture(per_day: Sequence[Mapping[str, Any]], values: Any, *, days: int, today: date, unit: str) -> Days:
    by_day = {row["day"]: values(row) for row in per_day}
    first = today - timedelta(days=days - 1)
    top = max((sum(value for _, value in parts) for parts in by_day.values()), default=0)
    step = WIDTH / days
    shown = []
    for number in range(days):
        day = first + timedelta(days=number)
        parts = by_day.get(day.isoformat(), [])
        shown.append(
            Day(
                day=day,
                x=round(number * step + 1, 1),
                width=round(step - 2, 1),
                pieces=_stacked(parts, top),
                title=_title(day, parts, unit),
            )
        )
    return Days(days=tuple(shown), top=top, first=first, last=today)


def _stacked(parts: Sequence[tuple[str, float]], top: float) -> tuple[Piece, ...]:
    pieces, y = [], HEIGHT
    for kind, value in parts:
        if value:
            height = max(_LEAST, HEIGHT * value / top)
            y = max(0.0, y - height)
            pieces.append(Piece(kind=kind, y=round(y, 1), height=round(height, 1)))
    return tuple(pieces)


def _title(day: date, parts: Sequence[tuple[str, float]], unit: str) -> str:
    if unit == "usd":
        return f"{day}: " + (f"${parts[0][1]:,.2f}" if parts else "nothing billed")
    if not parts:
        return f"{day}: no refresh"
    if unit == "ms":
        half, rest = (value for _, value in parts)
        return f"{day}: {half / 1000:.1f} s in the middle, 95 of 100 at most {(half + rest) / 1000:.1f} s"
    return f"{day}: " + ", ".join(f"{value:,} {kind}" for kind, value in parts)
