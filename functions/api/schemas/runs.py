"""Runs: asked for, looked at, done again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from functions.api.schemas.backfills import BackfillRequest
from functions.api.schemas.fields import (
    Answer,
    Body,
    Handler,
    Paged,
    Pagination,
    Query,
    Rollback,
    RunMode,
    RunState,
    TablePhase,
    TableText,
    TaskState,
    Trigger,
)

IdempotencyKey = Annotated[
    str | None,
    Field(
        alias="Idempotency-Key",
        pattern=r"^[\u0021-\u007e]+$",
        max_length=200,
        description="Of the caller's choice. The same key and body again get the same answer; with another body, 409.",
    ),
]


class TriggerHeaders(Query):
    """Headers of calls that make a run."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    idempotency_key: IdempotencyKey = None


type TriggerMode = Literal["live", "shadow", "dry_run"]
type ReplaySnapshot = Literal["original", "new"]
type SliceState = Literal["pending", "running", "done"]
_OF_NAMED_TABLES: dict[str, Any] = {
    "if": {"required": ["backfill"], "properties": {"backfill": {"type": "object"}}},
    "then": {
        "required": ["tables"],
        "properties": {
            "tables": {"type": "array"},
            "force": {"const": False},
            "mode": {"not": {"const": "dry_run"}},
        },
    },
}
"""What the validator of a trigger says, for readers of the document."""


class TriggerRequest(Body):
    """What to refresh."""

    model_config = ConfigDict(json_schema_extra=_OF_NAMED_TABLES)

    tables: Annotated[list[TableText], Field(min_length=1, max_length=1000)] | None = Field(
        default=None, description="Absent: all live tables."
    )
    force: bool = Field(
        default=False, description="Read and compare everything anew, and do not mind the last hour's refresh."
    )
    mode: TriggerMode | None = Field(
        default=None,
        description="How far to go; absent: as each table is registered. It may ask for less than that, never for "
        "more. shadow refreshes the table's shadow; dry_run reports what a refresh would do, and does nothing.",
    )

    backfill: BackfillRequest | None = Field(
        default=None, description="Only this range of the named tables, behind the daily runs."
    )

    @model_validator(mode="after")
    def _backfill_of_named_tables(self) -> Self:
        if self.backfill is not None and self.tables is None:
            raise ValueError("a backfill needs tables: name those that it is for")
        if self.backfill is not None and (self.force or self.mode == "dry_run"):
            raise ValueError("a backfill is live and compares by itself: leave force and mode out")
        return self


class RunAccepted(Answer):
    """The run that will do it."""

    run_id: UUID
    url: str = Field(description="Where to watch it.")
    backfills: list[UUID] = Field(
        default=[], description="Of a backfill: one for each table, in their order; the run is the first one's."
    )


class ReplayAccepted(RunAccepted):
    """The run that will do it again, and as of when."""

    replay_of: UUID
    tables: list[str]
    snapshot: ReplaySnapshot
    snapshot_at: datetime | None = Field(
        description="Of the original run; null for a new one, which is taken when the run is planned."
    )
    why: str


class Cost(Answer):
    """What BigQuery bills."""

    bytes_billed: int
    usd: float = Field(description="At the configured price of a TiB.")


class Slice(Answer):
    """A part of a table that is read by one job."""

    slice_no: int
    status: SliceState
    scopes: int
    scope_from: str | None
    scope_to: str | None
    attempt: int
    generation: int
    job_id: str | None
    rows_expected: int
    rows_received: int
    rows_staged: int
    rows_quarantined: int
    bytes_billed: int
    started_at: datetime | None
    finished_at: datetime | None


class RunTable(Answer):
    """A table's part in a run."""

    table: str
    handler: Handler
    mode: RunMode
    status: TaskState
    phase: TablePhase
    publish_group: str | None = Field(description="Tables of the run with the same one are published together.")
    waits_for: list[str] | None = Field(
        description="Of a staged table: those of its publish group that are not staged yet. Of one that has not begun: "
        "its inputs in the run that have not got far enough."
    )
    waits_since: datetime | None = Field(description="Since when it waits for them.")
    reason: str | None
    error: str | None
    attempt: int
    force: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    not_before: datetime | None = Field(description="When it is tried again.")
    slices_total: int
    slices_done: int
    scopes_unchanged: int
    rows_read: int
    rows_staged: int
    rows_inserted: int
    rows_updated: int
    rows_deleted: int
    rows_unchanged: int
    rows_quarantined: int
    rows_superseded: int
    rows_merged: int
    bytes_billed: int
    usd: float
    rolled_back: Rollback | None = Field(description="By whom it was taken back.")
    bigquery_job_id: str | None
    details: dict[str, Any]
    slices: list[Slice] = Field(description="The first 500; kept for two weeks.")


class Run(Answer):
    """A run, its tables, their slices, and what it cost."""

    run_id: UUID
    trigger: Trigger
    requested_by: str
    request: dict[str, Any]
    status: RunState
    replay_of: UUID | None
    replayed_by: list[UUID]
    scheduled_for: datetime | None
    snapshot_at: datetime | None
    created_at: datetime
    planned_at: datetime | None
    finished_at: datetime | None
    duration_ms: int
    cost: Cost
    tables: list[RunTable]


class RunSummary(Answer):
    """A run in a list."""

    run_id: UUID
    trigger: Trigger
    requested_by: str
    status: RunState
    replay_of: UUID | None
    snapshot_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    duration_ms: int
    tables_by_status: dict[str, int]
    bytes_billed: int


class RunsQuery(Paged):
    """Which runs."""

    status: RunState | None = Field(default=None, description="Only those that are so now.")


class Runs(Answer):
    """A page of runs, newest first."""

    items: list[RunSummary]
    pagination: Pagination
