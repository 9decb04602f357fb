"""History and metrics."""

from __future__ import annotations

import datetime as dt
from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.api.schemas.fields import (
    FROM_TEXT,
    Answer,
    EndedState,
    Handler,
    Moment,
    Paged,
    Pagination,
    RunMode,
    TableText,
    Trigger,
)


class HistoryQuery(Paged):
    """Which ended refreshes."""

    table: TableText | None = None
    status: EndedState | None = Field(default=None, description="Only those that ended so.")
    from_: Annotated[Moment | None, Field(alias="from", description="Ended at or after.")] = None
    to: Annotated[Moment | None, Field(description="Ended before.")] = None


class Ended(Answer):
    """A table's refresh that has ended."""

    run_id: UUID
    table: str
    handler: Handler
    mode: RunMode = Field(description="Of anything but live, the table itself was left alone.")
    trigger: Trigger
    requested_by: str
    status: EndedState
    reason: str | None
    error: str | None
    snapshot_at: dt.datetime | None
    started_at: dt.datetime | None
    finished_at: dt.datetime
    duration_ms: int | None
    slices_total: int
    rows_read: int
    rows_inserted: int
    rows_updated: int
    rows_deleted: int
    rows_unchanged: int
    rows_quarantined: int
    bytes_billed: int
    rolled_back_at: dt.datetime | None = Field(description="When it was taken back.")


class HistorySummary(Answer):
    """Of all that table, from and to ask for, whatever the status."""

    total: int
    by_status: dict[EndedState, int]
    success_rate: float | None = Field(description="Share that ended success or no_new_data; null without any.")


class History(Answer):
    """A page of ended refreshes, newest first."""

    items: list[Ended]
    summary: HistorySummary
    pagination: Pagination


class MetricsQuery(Paged):
    """Over how many days, and of which tables."""

    days: Annotated[int, Field(ge=1, le=90, description="Days (UTC) until now, today included."), FROM_TEXT] = 7
    table: TableText | None = None


class Figures(Answer):
    """Figures of live refreshes that ended; bytes_billed and usd are of dry runs and the like as well."""

    tasks: int
    by_status: dict[EndedState, int]
    success_rate: float | None
    duration_p50_ms: int | None
    duration_p95_ms: int | None
    rows_read: int
    rows_inserted: int
    rows_updated: int
    rows_deleted: int
    rows_quarantined: int
    bytes_billed: int
    usd: float


class DayFigures(Figures):
    """Figures of a day."""

    day: dt.date


class TableFigures(Figures):
    """Figures of a table."""

    table: str


class Metrics(Answer):
    """Durations, rows, bytes and success: over all, per day, and per table (a page of them, by name)."""

    days: int
    since: dt.datetime
    table: str | None
    overall: Figures
    per_day: list[DayFigures]
    per_table: list[TableFigures]
    pagination: Pagination
