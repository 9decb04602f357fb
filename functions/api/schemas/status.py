"""The overview: can the dashboards be trusted?"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from functions.api.schemas.fields import Answer, EndedState, Handler, Rollback, RunMode, TableMode, TablePhase

type TableState = Literal[
    "never_refreshed", "disabled", "queued", "running", "success", "no_new_data", "warning", "held", "failed", "skipped"
]
type AlertSeverity = Literal["critical", "warning"]
type AlertKind = Literal[
    "stale",
    "failed",
    "held",
    "quarantined",
    "skipped",
    "never_refreshed",
    "not_refreshed",
    "missing",
    "data_late",
    "backfill_failed",
    "sweep_silent",
    "schedule_silent",
    "messages_owed",
    "dead_letters",
    "not_equal",
    "not_verified",
    "webhook_failing",
]
type OverallStatus = Literal["healthy", "degraded", "failing"]


class Progress(Answer):
    """How far a table's refresh is."""

    run_id: UUID
    phase: TablePhase
    attempt: int
    started_at: datetime | None
    waiting_for: str | None = Field(description="Why it is tried again only later.")
    slices_total: int
    slices_done: int
    rows_total: int
    rows_done: int
    rows_per_second: float | None
    seconds_left: int | None = Field(description="At the rate so far; null before the first rows have come.")


class Hold(Answer):
    """What the last refresh has kept from being published, and can be released or refused."""

    run_id: UUID
    scopes: int
    checks: list[str] = Field(description="What has failed; refresh_data_quality has the figures.")
    refused_by: str | None
    refused_at: datetime | None
    refused_because: str | None


class TableStatus(Answer):
    """One table as it stands."""

    table: str
    handler: Handler
    mode: TableMode
    priority: int
    frequency_hours: int
    interval_hours: int = Field(description="How often it can be refreshed at best: its frequency in whole triggers.")
    status: TableState = Field(description="What it does now, or how its last refresh ended.")
    is_stale: bool = Field(description="Whether its data is older than one interval and an hour.")
    freshness_score: float = Field(ge=0, le=1, description="1: no older than one interval; 0: two intervals or more.")
    last_refresh: datetime | None = Field(description="When it was last published.")
    next_refresh: datetime | None
    data_as_of: datetime | None = Field(description="The moment of BigQuery that the table shows.")
    last_data_period: str | None
    last_status: EndedState | None
    last_reason: str | None
    last_run_id: UUID | None
    last_finished_at: datetime | None
    recent_error: str | None
    rows_in_quarantine: int = Field(description="Rows of what is published that the table could not take.")
    is_missing: bool = Field(description="Whether Postgres has no such table any more.")
    hold: Hold | None
    rolled_back: Rollback | None = Field(
        description="What was taken back last, as long as no other content of the same scopes was published."
    )
    progress: Progress | None


class Activity(Answer):
    """A table's refresh that has ended."""

    run_id: UUID
    table: str
    mode: RunMode
    status: EndedState
    reason: str | None
    finished_at: datetime
    duration_ms: int | None
    rows_inserted: int
    rows_updated: int
    rows_deleted: int


class LastDay(Answer):
    """Figures of the last 24 hours, of live refreshes; bytes of all."""

    tasks: int
    failed: int
    rows_changed: int
    rows_read: int
    rows_quarantined: int
    bytes_billed: int


class Verification(Answer):
    """A table whose last verification found a difference (warning), or could not be made (failed)."""

    table: str
    run_id: UUID
    finished_at: datetime
    status: Literal["warning", "failed"]
    error: str | None


class LateReports(Answer):
    """Reports of a warehouse that should have come, and have not."""

    table: str
    reports: int
    named: list[str]
    since: datetime


class EndedBackfill(Answer):
    """The last backfill of a table, which did not bring what it should."""

    table: str
    status: Literal["failed", "held"]
    scope_from: date
    scope_to: date
    reason: str | None
    error: str | None
    finished_at: datetime


class FailingWebhook(Answer):
    """An endpoint that nothing reaches."""

    url: str
    since: datetime


class Facts(Answer):
    """What the store knows beside the tables."""

    now: datetime
    last_day: LastDay
    runs_open: int
    swept_at: datetime | None
    messages_owed: int
    owed_since: datetime | None
    dead_letters: int
    registered_at: datetime | None = Field(description="When the first of the live tables was registered.")
    daily_due_at: datetime
    daily_came: bool = Field(description="Whether there is a run of the daily trigger that was due last.")
    late_reports: list[LateReports]
    inputs_not_refreshed: dict[str, list[str]] = Field(
        description="Tables that are not live, with the live ones that depend on them."
    )
    backfills_ended_badly: list[EndedBackfill]
    webhooks_failing: list[FailingWebhook]
    verifications: list[Verification]
    recent_activity: list[Activity]


class Alert(Answer):
    """Something that a person should know, and what to do about it."""

    severity: AlertSeverity
    kind: AlertKind
    table: str | None
    message: str
    what_to_do: str
    since: datetime | None


class Statistics(Answer):
    """Counts of the overview."""

    tables: int
    live: int
    fresh: int
    stale: int
    running: int
    failed: int
    held: int
    missing: int
    disabled: int
    runs_open: int
    last_day: LastDay


class Status(Answer):
    """The overview."""

    overall_status: OverallStatus
    summary: str = Field(description="One sentence for people.")
    generated_at: datetime
    statistics: Statistics
    tables: list[TableStatus]
    recent_activity: list[Activity]
    alerts: list[Alert]
