"""Kinds of fields that several models have."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

MAX_PAGE_SIZE = 100
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_WHOLE = re.compile(r"-?[0-9]{1,19}")

TableText = Annotated[
    str,
    Field(
        pattern=r"^[^.\u0000-\u001f\u007f]+\.[^.\u0000-\u001f\u007f]+$",
        max_length=200,
        description="A table or materialized view, as schema.name.",
        examples=["reporting.daily_sales"],
    ),
]
Plain = Annotated[str, Field(pattern=r"^[^\u0000]*$")]
"""Text that Postgres can hold."""


def _only_rfc_3339(value: Any) -> Any:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError("must be a time with its zone, such as 2026-01-31T06:00:00Z")
    return value


def _only_digits(value: Any) -> Any:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("must be a whole number")
    return value


def _only_true_or_false(value: Any) -> Any:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return (datetime.min if value.year == 1 else datetime.max).replace(tzinfo=UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc), BeforeValidator(_only_rfc_3339)]
"""A time in a request."""
FROM_TEXT = BeforeValidator(_only_digits)
"""Makes a whole number of the text in a query; stands last, so that its bounds are in the document."""
TRUE_OR_FALSE = BeforeValidator(_only_true_or_false)
"""The same for a truth value."""

type TaskState = Literal["queued", "running", "success", "no_new_data", "warning", "held", "failed", "skipped"]
type EndedState = Literal["success", "no_new_data", "warning", "held", "failed", "skipped"]
type RunMode = Literal["live", "shadow", "dry_run", "plan", "verify"]
type RunState = Literal["running", "success", "warning", "failed"]
type TablePhase = Literal["planning", "loading", "staged", "publishing"]
type TableMode = Literal["live", "shadow", "dry_run", "disabled"]
type Handler = Literal["asin", "search_queries", "summaries", "generic"]
type Trigger = Literal["schedule", "manual", "replay"]


class Query(BaseModel):
    """Query parameters; one that is unknown is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Paged(Query):
    """A page by its number."""

    page: Annotated[int, Field(ge=1, le=1_000_000, description="From 1."), FROM_TEXT] = 1
    page_size: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="Items of a page."), FROM_TEXT] = 50

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.page_size


class Body(BaseModel):
    """A JSON body, of exactly these fields and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


def _all_there(schema: dict[str, Any]) -> None:
    """Every field is in every answer, a default or not."""
    schema["required"] = list(schema["properties"])
    for field in schema["properties"].values():
        field.pop("default", None)


class Answer(BaseModel):
    """A JSON answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_all_there, defer_build=True)


class Rollback(Answer):
    """That a run was taken back."""

    run_id: UUID
    at: datetime
    by: str
    reason: str | None


class Pagination(Answer):
    """Where in a list a page stands."""

    page: int
    page_size: int
    total: int
    pages: int

    @classmethod
    def of(cls, query: Paged, total: int) -> Pagination:
        return cls(page=query.page, page_size=query.page_size, total=total, pages=-(-total // query.page_size))
