"""Backfills: asked for by a trigger, looked at, ended."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.api.schemas.fields import Answer, Body, Paged, Pagination, TableText

Visible = Literal["slice", "end"]


class BackfillRequest(Body):
    """A range of scopes, which have to be dates."""

    first: date = Field(alias="from", description="The first day.")
    last: date = Field(alias="to", description="The last day.")
    visible: Visible = Field(
        default="end", description="end: published all at once. slice: published part by part, in little staging."
    )


class Backfill(Answer):
    """A range of scopes of a table that is being loaded, or was."""

    backfill_id: UUID
    table: str
    scope_from: date = Field(description="The first day.")
    scope_to: date = Field(description="The last day.")
    visible: Visible
    status: Literal["running", "success", "no_new_data", "warning", "held", "failed", "cancelled"]
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
    seconds_left: int | None = Field(description="By the rows read so far; null while nothing is known.")


class BackfillsQuery(Paged):
    """Backfills of which table; absent: of all."""

    table: TableText | None = None


class Backfills(Answer):
    """A page of backfills, newest first."""

    items: list[Backfill]
    pagination: Pagination
