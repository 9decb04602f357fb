"""Named SQL, kept by operators: checked against BigQuery, and against every table that takes it as its source."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.errors import RefreshError
from shared.domain.ids import TableName
from shared.planning.named_sql import named_sql
from shared.ports import Session, Source, SourceTable, Store
from shared.refresh.define import describe_source
from shared.refresh.definition_fit import fit
from shared.sql import statement

_PLAIN_COPY = "generic"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A query that works."""

    source: SourceTable
    """What it yields."""
    tables: list[TableName]
    """What reads it, and goes on working."""


class NamedSqlUnknown(RefreshError):
    """There is no such named SQL."""


def find_named_sql(store: Store, reference: str) -> str | None:
    """The text behind a source `sql:name`; None for any other source, and where there is no such name."""
    name = named_sql(reference)
    if name is None:
        return None
    with store.transaction() as session:
        rows = session.run(statement("find_named_sql"), name=name)
    return str(rows[0]["sql"]) if rows else None


def check_named_sql(store: Store, source: Source, name: str, sql: str) -> Checked:
    """What the query yields. Raises InvalidRegistration where BigQuery or a table that reads it would refuse it."""
    described = describe_source(source, f"sql:{name}", sql)
    with store.transaction() as session:
        return Checked(source=described, tables=_fitted(session, name, described))


def save_named_sql(store: Store, source: Source, name: str, sql: str, *, description: str, actor: str) -> bool:
    """Insert or change it; whether it is new.

    Raises InvalidRegistration where BigQuery or a table that reads it would refuse it.
    """
    described = describe_source(source, f"sql:{name}", sql)
    with store.transaction() as session:
        session.run(statement("set_actor"), actor=actor)
        saved = session.run(statement("save_named_sql"), name=name, query=sql, description=description)
        _fitted(session, name, described)
    return any(row["is_new"] for row in saved)


def _fitted(session: Session, name: str, described: SourceTable) -> list[TableName]:
    """The tables that read it. Raises InvalidRegistration where one could not any more."""
    tables = [
        TableName(schema=row["table_schema"], name=row["table_name"])
        for row in session.run(statement("tables_of_named_sql"), name=name)
    ]
    for table in tables:
        key = {"schema": table.schema, "name": table.name}
        (registry,) = session.run(statement("registry_row"), **key)
        if registry["handler"] == _PLAIN_COPY:
            fit(table, registry, described, session.run(statement("target_columns"), **key), {})
    return tables


def remove_named_sql(store: Store, name: str, *, actor: str) -> None:
    """Remove one that no table reads. Raises NamedSqlUnknown, StoreRefused when a table reads it."""
    with store.transaction() as session:
        session.run(statement("set_actor"), actor=actor)
        if not session.run(statement("delete_named_sql"), name=name):
            raise NamedSqlUnknown(f"there is no named SQL {name}")
