"""Schema drift on the path: found before anything is read, evolved and remembered in the publish transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.domain.dataset import Column, Dataset
from shared.domain.definition import Definition
from shared.domain.drift import (
    DEFAULT_POLICIES,
    DriftKind,
    DriftPolicy,
    Evolution,
    KnownColumn,
    KnownSchema,
    SchemaChange,
)
from shared.domain.errors import Held, InvalidRegistration
from shared.domain.ids import TableName
from shared.domain.quoting import bigquery_table
from shared.domain.types import TargetColumn
from shared.planning.drift import Comparison, remembered, with_details
from shared.planning.type_change import parsed_type, rewrites
from shared.ports import Row, Session, Source, SourceTable, Store
from shared.refresh.feeds import feeds, writable
from shared.sql import statement

REASON = "schema_drift"


REWRITTEN_BYTES = 128 * 1024 * 1024
"""Largest table that is written anew for a wider type: readers wait meanwhile."""


def known_schema(session: Session, table: TableName, source: str) -> KnownSchema | None:
    """The source as of the table's last publish; None before the first one, and for another source."""
    rows = session.run(statement("source_schema"), schema=table.schema, name=table.name, source=source)
    if not rows:
        return None
    return KnownSchema(source=source, columns=tuple(KnownColumn(**column) for column in rows[0]["columns"]))


def as_of_snapshot(bigquery: Source, source: SourceTable, known: KnownSchema | None, moment: datetime) -> SourceTable:
    """The source with the columns that it had at the run's snapshot, which is when all of the run's queries read it.

    BigQuery is asked (at no cost) only where the columns now are not those of the last publish.
    """
    if known is None or not source.is_table or _same(source.columns, known):
        return source
    sql = f"SELECT * FROM {bigquery_table(source.reference)} FOR SYSTEM_TIME AS OF TIMESTAMP '{moment.isoformat()}'"
    try:
        then = bigquery.describe_query(source.reference, sql).columns
    except InvalidRegistration:
        return source  # it was made anew since, which the queries of the run will say
    return replace(source, columns=with_details(then, known, source.columns))


def _same(columns: tuple[Column, ...], known: KnownSchema) -> bool:
    return {(column.name, column.type) for column in columns} == {
        (column.name, parsed_type(column.type)[0]) for column in known.columns
    }


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A table's parts as they are now, and the source as it was when the table was last published."""

    table: TableName
    registry: Row
    source: SourceTable
    targets: list[Row]
    dataset: Dataset | None
    known: KnownSchema | None

    def without_gone(self) -> Row:
        """The registry's row, its map without source columns that were there and are gone."""
        gone = {column.name for column in (self.known.columns if self.known else ())}
        gone -= {column.name for column in self.source.columns}
        column_map = self.registry["column_map"]
        return self.registry | {"column_map": {name: to for name, to in column_map.items() if name not in gone}}


def settle(store: Store, now: Situation, fit: Callable[[Row, tuple[SchemaChange, ...]], Definition]) -> Definition:
    """The definition that `fit` makes, with the source's changes since the last publish in it.

    Held when one of them is held, or when with them the parts no longer fit, which without them they did.
    """
    if now.known is None:
        return _remembering(fit(now.registry, ()), now, now.registry)
    registry = now.without_gone()
    changes = _changes(now, registry, now.known)
    with store.transaction() as session:
        changes = _refuse_unsafe(session, now, changes)
    hold(now.table, changes)
    try:
        definition = fit(registry, changes)
    except InvalidRegistration as error:
        if changes:
            hold(now.table, changes, because=str(error))
        raise
    return _remembering(definition, now, registry)


def _remembering(definition: Definition, now: Situation, registry: Row) -> Definition:
    fed = feeds(registry["column_map"], now.source, now.dataset)
    if now.dataset is None:
        names = {column.name for column in definition.columns}
        fed = {target: column for target, column in fed.items() if target in names}
    schema = remembered(now.source.reference, now.source.columns, fed, definition.changes, now.known)
    return replace(definition, schema=schema)


def _changes(now: Situation, registry: Row, known: KnownSchema) -> tuple[SchemaChange, ...]:
    fields = now.dataset.fields if now.dataset else ()
    if now.dataset is None:
        fixed = frozenset(registry["key_columns"]) | {registry["scope_column"]}
    else:
        fixed = frozenset(field.name for field in fields if field.default is None and field.derived is None)
    policies = {DriftKind(kind): DriftPolicy(policy) for kind, policy in registry["drift_policies"].items()}
    return Comparison(
        table=now.table,
        known=known,
        columns=now.source.columns,
        feeds=feeds(registry["column_map"], now.source, now.dataset),
        mapped=frozenset(registry["column_map"]),
        policies=DEFAULT_POLICIES | policies,
        fixed=fixed,
        targets=None if now.dataset else writable(now.targets),
        fields={field.name: field.type for field in fields},
    ).changes()


def _refuse_unsafe(session: Session, now: Situation, changes: tuple[SchemaChange, ...]) -> tuple[SchemaChange, ...]:
    """The same changes; held those that something in the database forbids: a view, a size, an owner."""
    if not any(change.evolution for change in changes):
        return changes
    (facts,) = session.run(statement("evolvable"), schema=now.table.schema, name=now.table.name)
    return tuple(_checked(change, now, facts) for change in changes)


def _checked(change: SchemaChange, now: Situation, facts: Row) -> SchemaChange:
    evolution = change.evolution
    why = _against(evolution, now, facts) if evolution is not None else None
    if evolution is None or why is None:
        return change
    return replace(change, evolution=None, held=True, ddl=evolution.ddl(now.table), remedy=why)


def _against(evolution: Evolution, now: Situation, facts: Row) -> str | None:
    """What stands against the change; None: nothing."""
    if not facts["owned"]:
        owner, evolver = facts["owner"], facts["evolver"]
        return f"the table belongs to {owner}, who has to do it, or ALTER TABLE {now.table} OWNER TO {evolver}"
    if evolution.change == "drop_not_null" and evolution.column in facts["primary_key"]:
        return "the column is part of the primary key"
    if evolution.change != "widen_column":
        return None
    users = facts["users"].get(evolution.column, [])
    if users:
        return f"{', '.join(users)} depend(s) on the column: make it anew around the statement"
    before = writable(now.targets)[evolution.column].type
    if rewrites(before, evolution.type or "") and facts["bytes"] > REWRITTEN_BYTES:
        return f"all {facts['bytes']} bytes would be written anew while readers wait: choose a quiet hour for it"
    return None


def hold(table: TableName, changes: tuple[SchemaChange, ...], because: str = "") -> None:
    """Held, with every change and the statements that would mend them, when one of them is held."""
    held = [change for change in changes if change.held]
    if not held and not because:
        return
    ddl = [change.ddl for change in held if change.ddl]
    told = "; ".join(
        f"{change.kind}: {change.before or 'nothing'} became {change.after or 'nothing'}"
        f" (target column {change.target_column}; {change.remedy})"
        for change in held
    )
    raise Held(
        f"{table}: the source's schema has changed since the last publish: {told or because}. Nothing was changed"
        + (f"; run {'; '.join(ddl)}" if ddl else ""),
        reason=REASON,
        details={"schema_changes": [change.as_json() for change in changes], "ddl": ddl}
        | ({"error": because} if because else {}),
    )


def evolved(targets: Mapping[str, TargetColumn], changes: tuple[SchemaChange, ...]) -> dict[str, TargetColumn]:
    """The target's columns as they will be once the changes are made."""
    columns = dict(targets)
    for change in changes:
        match change.evolution:
            case Evolution(change="add_column", column=name, type=kind):
                columns[name] = TargetColumn(name=name, type=kind or "", not_null=False, has_default=False)
            case Evolution(change="widen_column", column=name, type=kind):
                columns[name] = replace(columns[name], type=kind or "")
            case Evolution(change="drop_not_null", column=name):
                columns[name] = replace(columns[name], not_null=False)
    return columns
