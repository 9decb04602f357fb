"""Shadows: how they differ from the live tables, and their promotion."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field

from functions.api.schemas.fields import FROM_TEXT, Answer, Body, Query

Reason = Annotated[str, Field(pattern=r"^[^\u0000]*[^\s\u0000][^\u0000]*$", max_length=2000)]


class PromoteRequest(Body):
    """Whether to wait for the clean days."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["force"], "properties": {"force": {"const": True}}},
            "then": {"required": ["reason"], "properties": {"reason": {"type": "string"}}},
        }
    )

    force: bool = Field(default=False, description="Promote without them; needs a reason.")
    reason: Reason | None = None


class DemoteRequest(Body):
    """Why it goes back."""

    reason: Reason


class Promoted(Answer):
    """What a promotion has written. POST …/runs/{run_id}/rollback takes it back."""

    table: str
    run_id: UUID
    forced: bool
    clean_days: int
    rows_inserted: int
    rows_updated: int
    rows_deleted: int
    rows_unchanged: int


class Demoted(Answer):
    """The shadow as it begins."""

    table: str
    rows: int = Field(description="Rows copied from the live table, which stays as it is.")


class ShadowQuery(Query):
    """How far back."""

    days: Annotated[int, Field(ge=1, le=366, description="Days (UTC) back."), FROM_TEXT] = 30


class ScopeDifference(Answer):
    """A scope in which rows differ."""

    scope: str | None
    missing: int
    extra: int
    differing: int


class DifferingRow(Answer):
    """A row that has other values on each side."""

    key: dict[str, Any]
    columns: dict[str, dict[str, Any]] = Field(description="Column to the values `live` and `shadow`.")


class DifferenceSamples(Answer):
    """Some rows of each kind, by key; of a table without a key, whole rows."""

    missing: list[dict[str, Any]] = Field(default=[])
    extra: list[dict[str, Any]] = Field(default=[])
    differing: list[DifferingRow] = Field(default=[])


class ShadowDay(Answer):
    """The last comparison of a day (UTC, that the run was scheduled for)."""

    day: dt.date
    run_id: UUID
    compared_at: dt.datetime
    clean: bool
    counts: bool = Field(description="Whether it is of the shadow and the definition of now.")
    rows_shadow: int
    rows_live: int
    missing: int = Field(description="Rows of the shadow that the live table has not.")
    extra: int = Field(description="Rows that the live table alone has.")
    differing: int = Field(description="Rows of the same key with other values.")
    scopes_held: int
    columns: dict[str, int] = Field(description="Column to the number of rows that differ in it.")
    scopes: list[ScopeDifference] = Field(description="At most 100, those with the most differences.")
    samples: DifferenceSamples


class ShadowReport(Answer):
    """How a shadow and its live table have differed, day by day, the latest first."""

    table: str
    mode: str
    shadow: str | None = Field(description="The shadow's table; null until it was first refreshed, and when promoted.")
    made_at: dt.datetime | None
    last_refreshed_at: dt.datetime | None
    snapshot_at: dt.datetime | None = Field(description="The moment of BigQuery that the shadow shows.")
    clean_days: int
    clean_days_needed: int
    tolerances: dict[str, dict[str, Any]]
    days: list[ShadowDay]
