"""What a refresh would do: plans and dry runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from functions.api.schemas.fields import Answer, Body, RunState, TableText, TaskState
from functions.api.schemas.runs import Cost

type DryRunMode = Literal["plan", "dry_run"]
type ScopeAction = Literal["changed", "vanished", "held", "superseded"]


class PlanRequest(Body):
    """Which tables to plan."""

    tables: Annotated[list[TableText], Field(min_length=1, max_length=1000)] | None = Field(
        default=None, description="Absent: all that are enabled, materialized views aside."
    )
    force: bool = Field(default=False, description="As if every scope had changed.")
    mode: DryRunMode = Field(
        default="plan", description="plan finds what changed and reads none of it; dry_run loads and compares it too."
    )


class UpdatedRow(Answer):
    """A row that would be updated."""

    key: dict[str, Any]
    columns: list[str]


class Samples(Answer):
    """Keys of some rows; of a table without a key, whole rows."""

    inserted: list[dict[str, Any]] = Field(default=[])
    updated: list[UpdatedRow] = Field(default=[])
    deleted: list[dict[str, Any]] = Field(default=[])


class ScopeReport(Answer):
    """What would be done to a scope that is not left alone. Rows to write are null for a plan."""

    scope: str | None
    action: ScopeAction
    slice_no: int | None
    rows: int = Field(description="Rows that the source has of it.")
    rows_published: int
    rows_inserted: int | None
    rows_updated: int | None
    rows_deleted: int | None
    columns: dict[str, int] = Field(description="Column to the number of rows that would be updated in it.")
    samples: Samples


class Quarantined(Answer):
    """Rows that the target could not hold."""

    reason: str
    column: str
    rows: int


class TableReport(Answer):
    """What a refresh of a table would do."""

    table: str
    mode: DryRunMode
    status: TaskState = Field(description="How a refresh would end, as far as this could tell.")
    reason: str | None
    error: str | None
    due: bool = Field(description="Whether it was due when the run was asked for.")
    next_refresh_at: datetime | None
    scopes_unchanged: int
    scopes_by_action: dict[ScopeAction, int]
    slices: int
    rows_read: int = Field(description="Rows of the source that were read; 0 for a plan.")
    rows_to_read: int = Field(description="Rows of the scopes that changed.")
    rows_inserted: int | None
    rows_updated: int | None
    rows_deleted: int | None
    rows_unchanged: int | None
    rows_refused: int | None = Field(description="append: rows that changed or vanished at the source.")
    rows_quarantined: int
    quarantined: list[Quarantined]
    bytes_billed: int = Field(description="By this run.")
    usd: float
    bytes_estimated: int | None = Field(
        description="A plan: what reading the slices would bill, by BigQuery's dry run; null where it does not say."
    )
    usd_estimated: float | None
    columns: dict[str, int]
    scopes: list[ScopeReport] = Field(description="At most 500, those with the most to write.")


class DryRunReport(Answer):
    """What a run of mode dry_run or plan has found. It is kept for 90 days."""

    run_id: UUID
    status: RunState
    complete: bool = Field(description="Whether every table has ended; until then, what is known so far.")
    snapshot_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    cost: Cost
    tables: list[TableReport]


class PlanAccepted(Answer):
    """The run that finds it out, and where to read it."""

    run_id: UUID
    url: str
    report_url: str
