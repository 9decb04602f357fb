"""JSON as the database writes it: its times, and records that it wrote column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple


def time_of(text: str | None) -> datetime | None:
    """A time, where there is one."""
    return None if text is None else datetime.fromisoformat(text)


def records[Record: NamedTuple](
    kind: type[Record], columns: Mapping[str, Sequence[Any]], *, times: Sequence[str]
) -> tuple[Record, ...]:
    """A record for each row of the columns, which have its fields' names. `times`: those of the columns with times."""
    read = (map(time_of, columns[name]) if name in times else columns[name] for name in kind._fields)
    return tuple(map(kind._make, zip(*read, strict=True)))
