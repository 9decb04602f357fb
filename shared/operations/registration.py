"""Register a table that exists in Postgres: looked at before, and then made, by the same checks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.definition import Definition
from shared.domain.errors import RefreshError
from shared.domain.ids import TableName
from shared.operations.configuration import described_source, fitted, rehearsal
from shared.operations.keys import check_key
from shared.ports import Row, Source, SourceTable, Store
from shared.sql import statement


class TargetMissing(RefreshError):
    """There is no such table in Postgres."""


class AlreadyRegistered(RefreshError):
    """The table is registered."""


@dataclass(frozen=True, kw_only=True)
class ColumnFit:
    """A column of the target, and what feeds it."""

    name: str
    type: str
    source: str
    source_type: str


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What the checks of a registration found. Where the source was not looked at, columns are empty."""

    checked_against_source: bool
    columns: tuple[ColumnFit, ...]
    ignored_columns: tuple[str, ...]
    """Source columns that no target column takes."""
    unfed_columns: tuple[str, ...]
    """Target columns that no source column feeds."""
    key_columns: tuple[str, ...]
    target_is_empty: bool
    note: str | None
    """What could not be checked."""


def look(store: Store, source: Source, table: TableName, options: Mapping[str, Any], *, actor: str) -> Looked:
    """What registering would find; nothing is kept. Raises as `register` does."""
    target = _target(store, table)
    definition, note = _rehearse(store, source, table, options, actor=actor)[1:]
    fed = () if definition is None else _columns(definition)
    names = {column.name for column in fed} | {options.get("loaded_at_column")}
    return Looked(
        checked_against_source=definition is not None,
        columns=fed,
        ignored_columns=() if definition is None else definition.ignored,
        unfed_columns=() if definition is None else tuple(one["name"] for one in target if one["name"] not in names),
        key_columns=() if definition is None else definition.key,
        target_is_empty=_is_empty(store, table),
        note=note,
    )


def register(store: Store, source: Source, table: TableName, options: Mapping[str, Any], *, actor: str) -> str | None:
    """Register a table; the answer says what could not be checked.

    Raises AlreadyRegistered, TargetMissing, InvalidRegistration, StoreRefused.
    """
    _target(store, table)
    described, _, note = _rehearse(store, source, table, options, actor=actor)
    with store.transaction() as session:
        session.run(statement("set_actor"), actor=actor)
        session.run(statement("register_with_options"), **_key(table), options=json.dumps(dict(options)))
        if described is not None:
            fitted(session, table, described)
    return note


def _target(store: Store, table: TableName) -> list[Row]:
    """The columns of the table, which has to be there, and nobody's yet."""
    with store.transaction() as session:
        if session.run(statement("registry_row"), **_key(table)):
            raise AlreadyRegistered(f"{table} is registered")
        columns = session.run(statement("target_columns"), **_key(table))
    if not columns:
        raise TargetMissing(f"{table} does not exist in Postgres")
    return columns


def _rehearse(
    store: Store, source: Source, table: TableName, options: Mapping[str, Any], *, actor: str
) -> tuple[SourceTable | None, Definition | None, str | None]:
    """Register it and take that back, so that nothing is locked while BigQuery looks at the key."""
    described = described_source(store, source, options)
    with rehearsal(store, actor) as session:
        session.run(statement("register_with_options"), **_key(table), options=json.dumps(dict(options)))
        definition = None if described is None else fitted(session, table, described)
    return described, definition, None if definition is None else check_key(source, definition)


def _columns(definition: Definition) -> tuple[ColumnFit, ...]:
    pairs = zip(definition.columns, definition.outputs, strict=True)
    return tuple(
        ColumnFit(name=one.name, type=one.target_type, source=output, source_type=one.source_type)
        for one, output in pairs
    )


def _is_empty(store: Store, table: TableName) -> bool:
    with store.transaction() as session:
        (row,) = session.run(statement("target_is_empty"), **_key(table))
    return bool(row["is_empty"])


def _key(table: TableName) -> dict[str, str]:
    return {"schema": table.schema, "name": table.name}
