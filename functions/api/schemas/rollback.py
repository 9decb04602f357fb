"""Runs taken back, and what can be."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from functions.api.schemas.fields import Answer, Body, Paged, Pagination, TableText

type PublishState = Literal["kept", "expired", "rolled_back"]


class RollbackRequest(Body):
    """What to take back, and why."""

    tables: Annotated[list[TableText], Field(min_length=1, max_length=1000)] | None = Field(
        default=None, description="Absent: all tables that the run has published."
    )
    reason: Annotated[str, Field(pattern=r"^[^\u0000]*\S[^\u0000]*$", max_length=1000)]


class TakenBack(Answer):
    """A table that is what it was before the run, and the rows that the run had written."""

    table: str
    rows_inserted: int
    rows_updated: int
    rows_deleted: int


class RolledBack(Answer):
    """A run, or tables of it, that was taken back."""

    run_id: UUID
    tables: list[TakenBack]


class Publish(Answer):
    """A publish that wrote rows."""

    run_id: UUID
    published_at: datetime
    state: PublishState = Field(description="Only what is kept can be taken back.")
    was_empty: bool = Field(description="Whether the table had no row before.")
    rows_inserted: int
    rows_updated: int
    rows_deleted: int
    undo_bytes: int = Field(description="Size of what it overwrote.")
    take_back_before: list[UUID] = Field(description="Later runs that have published the same scopes or rows.")
    rolled_back_at: datetime | None
    rolled_back_by: str | None
    rollback_reason: str | None


class PublishesQuery(Paged):
    """A page of publishes."""


class Publishes(Answer):
    """A table's publishes that wrote rows, newest first."""

    table: str
    rollback_publishes: int = Field(description="How many of the last ones are kept.")
    items: list[Publish]
    pagination: Pagination
