"""The first step: a table's registration, source and target are looked up, and fitted into one definition."""

from __future__ import annotations

from datetime import datetime

from shared.domain.definition import Definition
from shared.domain.errors import InvalidRegistration
from shared.domain.ids import TableName
from shared.planning.named_sql import named_sql, tables_read
from shared.ports import Source, SourceTable
from shared.refresh.definition_fit import Datasets, dataset_of, fit
from shared.refresh.drift import Situation, as_of_snapshot, known_schema, settle
from shared.refresh.runtime import Runtime
from shared.sql import statement


def define(runtime: Runtime, table: TableName, datasets: Datasets, *, as_of: datetime | None = None) -> Definition:
    """The table's definition, with a source that has changed since the last publish taken as it was `as_of`.

    InvalidRegistration names what does not fit, Held what the table's policies do not follow.
    """
    key = {"schema": table.schema, "name": table.name}
    with runtime.store.transaction() as session:
        rows = session.run(statement("registry_row"), **key)
        targets = session.run(statement("target_columns"), **key)
        unique_keys = [frozenset(row["columns"]) for row in session.run(statement("target_unique_keys"), **key)]
        known = known_schema(session, table, rows[0]["source"]) if rows else None
    if not rows:
        raise InvalidRegistration(f"{table} is not registered: add it to refresh.refresh_table_registry")
    if not targets:
        raise InvalidRegistration(f"{table} does not exist in Postgres: create it, or remove its registration")
    try:
        source = describe_source(runtime.source, rows[0]["source"], rows[0]["source_sql"])
    except InvalidRegistration as error:
        raise InvalidRegistration(f"{table}: {error}") from error
    if as_of is not None:
        source = as_of_snapshot(runtime.source, source, known, as_of)
    dataset = dataset_of(table, rows[0]["handler"], datasets) if datasets else None
    situation = Situation(table=table, registry=rows[0], source=source, targets=targets, dataset=dataset, known=known)
    definition = settle(
        runtime.store, situation, lambda registry, changes: fit(table, registry, source, targets, datasets, changes)
    )
    if definition.key and frozenset(definition.key) not in unique_keys:
        columns = ", ".join(definition.key)
        raise InvalidRegistration(
            f"{table}: no unique index is on exactly the key ({columns}): CREATE UNIQUE INDEX ON {table} ({columns})"
        )
    return definition


def describe_source(source: Source, reference: str, sql: str | None) -> SourceTable:
    """The source of a registration: a table, a view, or the named SQL whose text is `sql`. InvalidRegistration."""
    name = named_sql(reference)
    if name is None:
        return source.describe(reference)
    if sql is None:
        raise InvalidRegistration(f"there is no named SQL {name}: insert it into refresh.refresh_named_sql")
    tables_read(name, sql)
    return source.describe_query(reference, sql)
