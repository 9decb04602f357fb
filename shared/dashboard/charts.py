"""Charts as SVG text, drawn here and not in the browser. Colours come from the page's style, by class."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from html import escape

from shared.dashboard.figures import day, percent


@dataclass(frozen=True, kw_only=True)
class Line:
    """A series; None is a gap, not a zero."""

    name: str
    values: Sequence[Decimal | None]


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of a chart, in its own units; text is 12 units high."""

    width: int
    height: int
    labels: int
    """Room to the right for the names of the lines."""


WIDE = Size(width=1040, height=300, labels=120)
NARROW = Size(width=350, height=250, labels=14)
_LEFT, _TOP, _BOTTOM = 50, 14, 28
_STEPS = ((1, 5), (2, 4), (2.5, 5), (5, 5), (10, 5))


def periods(first: date, last: date, report_period: str) -> list[date]:
    """First days of all periods from one to another, those without a report too: a line has a gap there."""
    months = {"MONTH": 1, "QUARTER": 3}.get(report_period)
    days = [first]
    while days[-1] < last:
        days.append(days[-1] + timedelta(weeks=1) if months is None else _months_later(days[-1], months))
    return days


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def line_chart(title: str, days: Sequence[date], lines: Sequence[Line], size: Size) -> str:
    """Shares over periods. Lines are named at their right end where there is room, by the legend elsewhere."""
    top, parts_of_top = _ceiling([float(value) for line in lines for value in line.values if value is not None])
    right, bottom = size.width - size.labels, size.height - _BOTTOM
    across = [_LEFT + (right - _LEFT) * position / max(len(days) - 1, 1) for position in range(len(days))]

    def height(value: float) -> float:
        return bottom - (bottom - _TOP) * value / top

    parts = [_grid(top, parts_of_top, height, right), _days(days, across, size)]
    for number, line in enumerate(lines, 1):
        parts.append(_path(number, line, days, across, height))
    if size.labels > 60:
        parts += _names(lines, right, height)
    label = f"{title}: {', '.join(line.name for line in lines)}"
    return (
        f'<svg class="chart" viewBox="0 0 {size.width} {size.height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _ceiling(values: Sequence[float]) -> tuple[float, int]:
    """The next of 1, 2, 2.5 or 5 times a power of ten above everything, and into how many parts it divides well."""
    highest = max(values, default=0.0)
    if highest <= 0:
        return 0.01, 5
    power: float = 10.0 ** math.floor(math.log10(highest))
    return next((step * power, parts) for step, parts in _STEPS if step * power >= highest)


def _grid(top: float, divisions: int, height: Callable[[float], float], right: float) -> str:
    parts = []
    step = 100 * top / divisions
    digits = next((n for n in range(4) if abs(step - round(step, n)) < 1e-9), 4)
    for part in range(divisions + 1):
        value = top * part / divisions
        y = height(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        text = percent(Decimal(value), digits)
        parts.append(f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    return "".join(parts)


def _days(days: Sequence[date], across: Sequence[float], size: Size) -> str:
    room = 110 if size is WIDE else 90
    most = max(int((size.width - size.labels - _LEFT) // room), 2)
    step = max(math.ceil((len(days) - 1) / most), 1)
    shown = range(len(days) - 1, -1, -step)
    return "".join(
        f'<text class="axis" x="{across[n]:.1f}" y="{size.height - 8}" text-anchor="{_anchor(n, len(days))}">'
        f"{days[n]:%d %b %y}</text>"
        for n in shown
        if n == len(days) - 1 or across[-1] - across[n] >= room * 0.8
    )


def _anchor(position: int, count: int) -> str:
    if position == count - 1:
        return "end"
    return "start" if position == 0 else "middle"


def _path(
    number: int, line: Line, days: Sequence[date], across: Sequence[float], height: Callable[[float], float]
) -> str:
    pieces: list[str] = []
    dots: list[str] = []
    drawing = False
    for x, when, value in zip(across, days, line.values, strict=True):
        if value is None:
            drawing = False
            continue
        y = height(float(value))
        pieces.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
        drawing = True
        said = escape(f"{line.name}, {day(when)}: {percent(value)}")
        dots.append(f'<circle class="dot s{number}" cx="{x:.1f}" cy="{y:.1f}" r="7"><title>{said}</title></circle>')
    return f'<path class="line s{number}" d="{" ".join(pieces)}"/>{"".join(dots)}'


def _names(lines: Sequence[Line], right: float, height: Callable[[float], float]) -> list[str]:
    """Names beside the last points, pushed apart where they would overlap."""
    ends = [
        (height(float(line.values[-1])), number, line.name)
        for number, line in enumerate(lines, 1)
        if line.values and line.values[-1] is not None
    ]
    parts, below = [], -math.inf
    for y, number, name in sorted(ends):
        below = max(y, below + 16)
        parts.append(f'<circle class="mark s{number}" cx="{right + 14:.1f}" cy="{below:.1f}" r="4"/>')
        parts.append(f'<text class="name" x="{right + 24:.1f}" y="{below + 4:.1f}">{escape(name)}</text>')
    return parts
