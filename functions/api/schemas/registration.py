"""New tables: what their source suggests, what checks find, and registering them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from functions.api.schemas.configuration import DecidedFields
from functions.api.schemas.fields import Answer, Query, TableText


class SuggestionQuery(Query):
    """For which source, and which table."""

    source: Annotated[
        str,
        Field(
            pattern=r"^[^.\u0000-\u001f`]+\.[^.\u0000-\u001f`]+\.[^.\u0000-\u001f`]+$",
            max_length=500,
            description="A BigQuery table or view, as project.dataset.table.",
        ),
    ]
    table: TableText


class RegistrationSuggestion(Answer):
    """A registration to start from, and the table for it."""

    registration: dict[str, Any] = Field(description="Body for POST /api/refresh/config.")
    ddl: str = Field(description="For an operator of the database to run first.")
    notes: list[str]


class Registration(DecidedFields):
    """A table to register."""

    table: TableText


class ColumnFit(Answer):
    """A column of the table, and what feeds it."""

    name: str
    type: str
    source: str = Field(description="The source's column.")
    source_type: str


class RegistrationPreview(Answer):
    """What the checks of a registration found. Nothing was registered."""

    table: str
    checked_against_source: bool = Field(
        description="False for materialized views, and workers with a query of their own; columns are empty then."
    )
    columns: list[ColumnFit]
    ignored_columns: list[str] = Field(description="Source columns that no target column takes.")
    unfed_columns: list[str] = Field(description="Columns of the table that nothing feeds.")
    key_columns: list[str]
    target_is_empty: bool
    note: str | None = Field(description="What could not be checked.")
