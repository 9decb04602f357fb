"""How many tables of a run were at work at each moment: a large run as one picture. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from operator import sub
from typing import Any

from functions.api.pages.outline import TaskOutline

COLUMNS = 120
HEIGHT = 40.0


@dataclass(frozen=True, kw_only=True)
class Column:
    """A part of the run's time. `height` is of `HEIGHT`."""

    x: int
    height: float
    title: str


@dataclass(frozen=True, kw_only=True)
class Parallel:
    """The picture; `most` is what its height stands for."""

    columns: tuple[Column, ...]
    most: int


def of(run: Mapping[str, Any], tables: Sequence[TaskOutline], *, now: datetime) -> Parallel:
    """The picture of a run, as far as it is."""
    start = datetime.fromisoformat(run["created_at"])
    end = now if run["finished_at"] is None else datetime.fromisoformat(run["finished_at"])
    step = max(end - start, timedelta(seconds=1)) / COLUMNS
    begun, ended, left = [0] * COLUMNS, [0] * COLUMNS, [0] * (COLUMNS + 1)

    def column(moment: datetime | None) -> int:
        return COLUMNS - 1 if moment is None else min(COLUMNS - 1, (moment - start) // step)

    for one in tables:
        last = column(one.finished_at)
        if one.started_at:
            begun[column(one.started_at)] += 1
            left[last + 1] += 1
        if one.finished_at:
            ended[last] += 1
    working = list(accumulate(map(sub, begun, left)))
    most = max(1, *working)
    columns = []
    for number, (count, done) in enumerate(zip(working, accumulate(ended), strict=True)):
        title = f"{count:,} at work, {done:,} of {len(tables):,} ended"
        columns.append(Column(x=number, height=round(HEIGHT * count / most, 1), title=title))
    return Parallel(columns=tuple(columns), most=most)
