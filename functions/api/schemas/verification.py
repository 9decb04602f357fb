"""Verifications, and the outcomes of checks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from functions.api.schemas.audit import RunIdText
from functions.api.schemas.fields import FROM_TEXT, MAX_PAGE_SIZE, TRUE_OR_FALSE, Answer, Body, Plain, Query, TableText

type Consequence = Literal["warn", "hold"]


class VerifyRequest(Body):
    """What to verify."""

    tables: Annotated[list[TableText], Field(min_length=1, max_length=1000)] | None = Field(
        default=None, description="Absent: all live ones, materialized views aside."
    )


class OutcomesQuery(Query):
    """Which checks."""

    table: TableText | None = None
    run_id: RunIdText | None = None
    metric: Annotated[Plain, Field(max_length=100, description="Such as verified_table.")] | None = None
    passed: Annotated[bool, TRUE_OR_FALSE] | None = Field(default=None, description="Only those that did, or did not.")
    cursor: Annotated[int, Field(ge=1, le=10**18, description="next_cursor of the page before."), FROM_TEXT] | None = (
        None
    )
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="Items of a page."), FROM_TEXT] = 50


class CheckOutcome(Answer):
    """The outcome of a check."""

    check_id: int
    run_id: UUID | None
    table: str
    scope: str | None
    metric: str
    value: float | None
    threshold: float | None
    outcome: Consequence = Field(description="What follows where it is not passed.")
    passed: bool
    details: dict[str, Any]
    checked_at: datetime


class CheckOutcomes(Answer):
    """A page of checks, newest first."""

    items: list[CheckOutcome]
    next_cursor: int | None
