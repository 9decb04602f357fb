"""What happened, and what was given up."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from functions.api.schemas.fields import FROM_TEXT, MAX_PAGE_SIZE, Answer, Moment, Plain, Query, TableText

_MICROSECONDS = 1_000_000
_CURSOR = re.compile(r"([0-9]{1,16})-([0-9]{1,18})")
RunIdText = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        description="The run's id, in lower case.",
    ),
]


def cursor_after(at: datetime, audit_id: int) -> str:
    """The cursor of a list that goes on behind this entry."""
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return f"{(since.days * 86_400 + since.seconds) * _MICROSECONDS + since.microseconds}-{audit_id}"


def read_cursor(text: str) -> tuple[datetime, int]:
    """Where a cursor stands; ValueError for what is none."""
    parts = _CURSOR.fullmatch(text)
    if parts is None:
        raise ValueError("is no cursor; take it from next_cursor of the page before")
    seconds, micros = divmod(int(parts[1]), _MICROSECONDS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros), int(parts[2])


def _a_cursor(text: str) -> str:
    read_cursor(text)
    return text


Cursor = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,16}-[0-9]{1,18}$", description="next_cursor of the page before."),
    AfterValidator(_a_cursor),
]


class AuditQuery(Query):
    """Which entries."""

    table: TableText | None = None
    run_id: RunIdText | None = None
    event: (
        Annotated[Plain, Field(max_length=100, description="Such as config_changed, run_created, task_failed.")] | None
    ) = None
    by: Annotated[Plain, Field(max_length=300, description="Who made a change, or asked for a run.")] | None = None
    from_: Annotated[Moment | None, Field(alias="from", description="Happened at or after.")] = None
    to: Annotated[Moment | None, Field(description="Happened before.")] = None
    cursor: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="Items of a page."), FROM_TEXT] = 50


class AuditEntry(Answer):
    """Something that happened."""

    audit_id: int
    at: datetime
    run_id: UUID | None
    table: str | None
    slice_no: int | None
    event: str
    status: str | None
    by: str | None
    duration_ms: int | None
    rows_read: int | None
    rows_staged: int | None
    rows_inserted: int | None
    rows_updated: int | None
    rows_deleted: int | None
    rows_unchanged: int | None
    rows_quarantined: int | None
    rows_superseded: int | None
    rows_merged: int | None
    bytes_billed: int | None
    bigquery_job_id: str | None
    error: str | None
    details: dict[str, Any]


class Audit(Answer):
    """A page of entries, newest first."""

    items: list[AuditEntry]
    next_cursor: str | None = Field(description="For the page behind this one; null at the end.")


class DeadLettersQuery(Query):
    """From where on."""

    cursor: Annotated[int, Field(ge=1, le=10**18, description="next_cursor of the page before."), FROM_TEXT] | None = (
        None
    )
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="Items of a page."), FROM_TEXT] = 50


class DeadLetter(Answer):
    """A message that was given up."""

    dead_letter_id: int
    message_id: str
    topic: str
    reason: str
    payload: str
    attributes: dict[str, Any]
    run_id: UUID | None
    table: str | None
    received_at: datetime
    replayed_at: datetime | None = Field(description="When it was last sent again by hand.")


class DeadLetters(Answer):
    """A page of dead letters, newest first."""

    items: list[DeadLetter]
    next_cursor: int | None


class SentAgain(Answer):
    """The message is on its way."""

    dead_letter_id: int
    sent_at: datetime
