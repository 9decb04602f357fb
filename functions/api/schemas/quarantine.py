"""Rows that were put aside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from functions.api.schemas.audit import RunIdText
from functions.api.schemas.fields import Answer, Paged, Pagination, Plain, TableText

type QuarantineState = Literal["open", "resolved"]


class QuarantineQuery(Paged):
    """Which rows."""

    table: TableText | None = None
    run_id: RunIdText | None = None
    reason: Annotated[Plain, Field(max_length=100, description="Such as too_long, null_in_not_null.")] | None = None
    state: QuarantineState | None = Field(
        default=None, description="resolved: a later run has published the row's scope anew."
    )


class QuarantinedRow(Answer):
    """A source row that the target could not hold."""

    quarantine_id: int
    run_id: UUID
    table: str
    slice_no: int
    scope: str | None
    reason: str
    column: str
    row: dict[str, Any] = Field(description="The row as it came; a NUL reads \\u0000, a large number is text.")
    quarantined_at: datetime
    resolved_at: datetime | None
    resolved_by: UUID | None = Field(description="The run that has published its scope anew.")


class QuarantinedRows(Answer):
    """A page of rows, newest first."""

    items: list[QuarantinedRow]
    pagination: Pagination
