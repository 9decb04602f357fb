"""Counts and figures over much history: of days that are over they are made once, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.operations import documents
from shared.ports import Session
from shared.sql import statement


@dataclass(frozen=True, kw_only=True)
class Days:
    """Whole days (UTC) whose figures are kept, from the one moment to before the other."""

    covered_from: datetime
    covered_until: datetime


def days_since(session: Session, since: datetime | None, until: datetime | None = None) -> Days:
    """The whole days between the two moments; None: from the first, to the last that is over."""
    (row,) = session.run(statement("roll_up_days"), since=since)
    end: datetime = row["covered_until"]
    if until is not None:
        end = min(end, until.replace(hour=0, minute=0, second=0, microsecond=0))
    return Days(covered_from=row["covered_from"], covered_until=max(row["covered_from"], end))


def count_ended(session: Session, days: Days, since: datetime | None, until: datetime | None) -> str:
    """JSON: how many tasks of all tables ended with which status, between two moments (UTC); `days`: those kept."""
    counted = documents.read_in(session, "count_history", **{"from": since, "to": until}, **vars(days))
    return counted or "{}"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a page begins: behind so many tasks, newest first, of those that ended before a moment (None: of all)."""

    before: datetime | None
    offset: int


def place_of(
    session: Session, days: Days, since: datetime | None, until: datetime | None, *, status: str | None, offset: int
) -> Place:
    """The same place, of tasks of all tables between two moments (UTC), from where few are left to be passed over."""
    if offset:
        span = {"from": since, "to": until, "status": status}
        for row in session.run(statement("skip_days"), **span, **vars(days), offset=offset):
            return Place(before=row["midnight"], offset=offset - row["tasks"])
    return Place(before=until, offset=offset)


def figures_by_day(session: Session, since: datetime) -> str:
    """JSON: figures by day from a midnight (UTC) on, and over all of them."""
    return documents.read_in(session, "read_metrics_days", since=since, **vars(days_since(session, since))) or "{}"


def costs_of(session: Session, month: str, usd_per_tib: float) -> str:
    """JSON: what the jobs of a month billed, which is named by its first day (UTC)."""
    session.run(statement("roll_up_costs"), month=month)
    return documents.read_in(session, "read_costs", month=month, usd_per_tib=usd_per_tib) or "{}"
