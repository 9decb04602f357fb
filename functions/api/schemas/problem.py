"""The shape of errors (RFC 9457)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FieldProblem(BaseModel):
    """One field of the request, and what is wrong with it."""

    field: str
    problem: str


class Problem(BaseModel):
    """What went wrong, and what to do."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(
        description="Stable name of the kind of problem, urn:refresh:problem:…", json_schema_extra={"format": "uri"}
    )
    title: str
    status: int
    detail: str = Field(description="What went wrong this time, and what to do.")
    instance: str = Field(description="The path that was asked for.", json_schema_extra={"format": "uri-reference"})
    errors: list[FieldProblem] | None = None
    tables: list[str] | None = Field(default=None, description="The tables that are in the way, at most 100.")
    runs: list[str] | None = Field(default=None, description="The runs that are in the way, the newest first.")
    run_id: str | None = Field(default=None, description="The run that is in the way, or is meant.")
