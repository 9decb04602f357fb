"""Named SQL: queries that tables take as their source."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from functions.api.schemas.fields import Answer, Body, Plain

NAME = r"^[a-z][a-z0-9_]{0,62}$"


class NamedSql(Answer):
    """A query, and the tables that read it."""

    name: str
    sql: str
    description: str
    changed_at: datetime
    tables: list[str]


class NamedSqls(Answer):
    """All of them, by name."""

    items: list[NamedSql]


class NamedSqlText(Body):
    """The query as it shall be."""

    sql: Annotated[
        Plain,
        Field(
            min_length=1,
            max_length=50_000,
            description="One SELECT in GoogleSQL that reads every table FOR SYSTEM_TIME AS OF @snapshot_at.",
        ),
    ]
    description: Annotated[Plain, Field(max_length=1000)] = ""


class NamedSqlColumn(Answer):
    """A column that a query yields."""

    name: str
    type: str


class NamedSqlCheck(Answer):
    """A query that works: what it yields, and the tables that read it. Nothing was changed."""

    name: str
    columns: list[NamedSqlColumn]
    tables: list[str]
