"""Backfills: asked for by a trigger, looked at, ended."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.api.schemas.fields import Answer, Body, Paged, Pagination, TableText

type Visible = Literal["slice", "end"]
type BackfillState = Literal["running", "success", "no_new_data", "warning", "held", "failed", "cancelled"]


class BackfillRequest(Body):
    """A range of scopes, which have to be dates."""

    first: date = Field(alias="from", description="The first day.")
    last: date = Field(alias="to", description="The last day.")
    visible: Visible = Field(
        default="end", description="end: published all at once. slice: published part by part, in little staging."
    )


class BackfillPreviewRequest(BackfillRequest):
    """A range of one table."""

    table: TableText


class BackfillPreview(Answer):
    """What a backfill would look at. Only what differs from what is published is read; figures are of reading all."""

    table: str
    scope_from: date = Field(description="The first day, in whole buckets.")
    scope_to: date
    days: int
    visible: Visible
    scopes_published: int = Field(description="Published scopes of the range, each of which is compared.")
    rows_published: int
    parts: int = Field(description="slice: about so many runs, if all that is published had to be read again.")
    seconds_estimated: int | None = Field(description="The same, at the rate of the last two weeks; null: not known.")
    bytes_estimated: int | None = Field(description="What that would bill, by what the last slices did.")
    usd_estimated: float | None


class Backfill(Answer):
    """A range of scopes of a table that is being loaded, or was."""

    backfill_id: UUID
    table: str
    scope_from: date = Field(description="The first day.")
    scope_to: date = Field(description="The last day.")
    visible: Visible
    status: BackfillState
    reason: str | None
    error: str | None
    requested_by: str
    run_id: UUID = Field(description="The run that is at it, or was last.")
    created_at: datetime
    finished_at: datetime | None
    batches_total: int = Field(description="Parts, each a run of its own, of one that is visible slice by slice.")
    batches_done: int
    rows_total: int | None = Field(description="Rows to be read; null until it is known.")
    rows_loaded: int
    rows_per_second: float | None = Field(description="So far; null before the first rows, and when it has ended.")
    seconds_left: int | None = Field(description="By the rows read so far; null while nothing is known.")
    runs: int = Field(description="Its runs so far, the one that looked at the range included.")
    bytes_billed: int = Field(description="By all of them.")
    usd: float


class BackfillsQuery(Paged):
    """Backfills of which table; absent: of all."""

    table: TableText | None = None


class Backfills(Answer):
    """A page of backfills, newest first."""

    items: list[Backfill]
    pagination: Pagination
