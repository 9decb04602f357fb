"""A run in outline: what its page needs of all tables, so that it need not read everything about each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from pydantic_core import from_json

from functions.api.written import records
from shared.operations import documents
from shared.ports import Session

_GRAVE = ("failed", "held", "skipped", "warning", "running", "queued", "success", "no_new_data")
_WELL = _GRAVE.index("success")
_LAST = datetime.max.replace(tzinfo=UTC)


class TaskOutline(NamedTuple):
    """A table of a run. A tuple, because a run has a thousand."""

    table: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None


@dataclass(frozen=True, kw_only=True)
class Outline:
    """All tables of a run, the modes that they have, and the sums of their rows by name."""

    tables: tuple[TaskOutline, ...]
    modes: frozenset[str]
    totals: dict[str, int]

    def counted(self) -> dict[str, int]:
        """How many tables have each status that one has, the gravest first."""
        found = Counter(one.status for one in self.tables)
        return {status: found[status] for status in _GRAVE if found[status]}


def read_outline(session: Session, run_id: UUID) -> Outline:
    """The outline of a run; it has no tables where there is no such run."""
    text = documents.read_in(session, "read_run_outline", run_id=run_id)
    assert text is not None, "sums of nothing are a row as well"
    read = from_json(text)
    tables = records(TaskOutline, read["tables"], times=("started_at", "finished_at"))
    return Outline(tables=tables, modes=frozenset(read["modes"]), totals=read["totals"])


def in_order(tables: Iterable[TaskOutline], *, slowest: bool) -> list[TaskOutline]:
    """What needs somebody first, then what goes on, then what went well, each as begun; or the slowest first."""
    return sorted(tables, key=_slowness if slowest else _gravity)


def _gravity(one: TaskOutline) -> tuple[int, datetime, str]:
    return (min(_GRAVE.index(one.status), _WELL), one.started_at or _LAST, one.table)


def _slowness(one: TaskOutline) -> tuple[int, str]:
    return (-(one.duration_ms or 0), one.table)
