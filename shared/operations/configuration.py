"""Change how tables are refreshed: checked against the real source and target, by whoever saw the latest version."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.domain.definition import Definition
from shared.domain.errors import RefreshError
from shared.domain.ids import TableName
from shared.operations.keys import check_key
from shared.operations.named_sql import find_named_sql
from shared.operations.preview import Preview, look_ahead
from shared.operations.requests import TablesUnknown
from shared.planning.named_sql import named_sql
from shared.ports import Session, Source, SourceTable, Store
from shared.refresh.define import describe_source
from shared.refresh.definition_fit import fit
from shared.sql import statement

DEFINING = frozenset(
    {
        "handler",
        "source",
        "column_map",
        "key_columns",
        "scope_column",
        "scope_bucket",
        "strategy",
        "nul_policies",
        "loaded_at_column",
    }
)
"""Fields that decide what a source row becomes, so that the source has to be looked at when they change."""
_PLAIN_COPY = "generic"
_NO_SOURCE = "summaries"


class VersionLost(RefreshError):
    """Somebody else has changed the configuration since it was read; `current` is its version now."""

    def __init__(self, table: TableName, current: int) -> None:
        super().__init__(f"the configuration of {table} has version {current} now")
        self.current = current


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to change of one table. `depends_on` None leaves the dependencies; `version` None: whatever it is."""

    table: TableName
    fields: Mapping[str, Any]
    depends_on: Mapping[str, str] | None = None
    version: int | None = None


def change(store: Store, source: Source, changes: list[Change], *, actor: str) -> list[str]:
    """Make the changes, all or none; the answer says what could not be checked.

    Raises TablesUnknown, VersionLost, InvalidRegistration, StoreRefused.
    """
    described = {one.table: _described(store, source, one) for one in changes}
    notes = _check_keys(store, source, changes, described, actor=actor)
    with store.transaction() as session:
        session.run(statement("set_actor"), actor=actor)
        for one in changes:
            _apply(session, one, described[one.table])
    return notes


def _check_keys(
    store: Store,
    source: Source,
    changes: list[Change],
    described: Mapping[TableName, SourceTable | None],
    *,
    actor: str,
) -> list[str]:
    """The changes are tried and taken back, so that nothing is locked while BigQuery looks at the keys."""
    if not any(described.values()):
        return []
    with rehearsal(store, actor) as session:
        tried = [_apply(session, one, described[one.table]) for one in changes]
    notes = [check_key(source, definition) for definition in tried if definition is not None]
    return [note for note in notes if note is not None]


@contextmanager
def rehearsal(store: Store, actor: str) -> Iterator[Session]:
    """A transaction of which nothing is kept."""
    with store.transaction() as session:
        session.run(statement("set_actor"), actor=actor)
        session.run("SAVEPOINT untouched")
        yield session
        session.run("ROLLBACK TO SAVEPOINT untouched")


def preview(store: Store, source: Source, wanted: Change, *, actor: str) -> Preview:
    """What a change would lead to; nothing is kept. Raises as `change` does."""
    described = _described(store, source, wanted, always=True)
    key = {"schema": wanted.table.schema, "name": wanted.table.name}
    with rehearsal(store, actor) as session:
        before = session.run(statement("registry_row"), **key)
        definition = _apply(session, wanted, described)
        (after,) = session.run(statement("registry_row"), **key)
        divided_anew = any(before[0][name] != after[name] for name in ("scope_column", "scope_bucket"))
        found = look_ahead(session, wanted.table, after, definition, divided_anew=divided_anew)
    if definition is not None:
        check_key(source, definition)
    return found


def described_source(store: Store, source: Source, options: Mapping[str, Any]) -> SourceTable | None:
    """The source that a configuration names, as BigQuery knows it; None where it has none. Asked outside of a
    transaction."""
    reference = options.get("source")
    if options.get("handler") == _NO_SOURCE or not reference or not _whole(reference):
        return None
    return describe_source(source, reference, find_named_sql(store, reference))


def _described(store: Store, source: Source, wanted: Change, *, always: bool = False) -> SourceTable | None:
    """The source as BigQuery knows it, if the change makes that matter."""
    with store.transaction() as session:
        rows = session.run(statement("registry_row"), schema=wanted.table.schema, name=wanted.table.name)
    if not rows:
        raise TablesUnknown([str(wanted.table)])
    if not always and not DEFINING & wanted.fields.keys():
        return None
    return described_source(store, source, rows[0] | dict(wanted.fields))


def _whole(reference: str) -> bool:
    """Whether it can be a source's name at all; the database says what is wrong with one that cannot."""
    return named_sql(reference) is not None or (all(reference.split(".", 2)) and reference.count(".") >= 2)


def _apply(session: Session, wanted: Change, described: SourceTable | None) -> Definition | None:
    key = {"schema": wanted.table.schema, "name": wanted.table.name}
    rows = session.run(statement("lock_configuration"), **key)
    if not rows:
        raise TablesUnknown([str(wanted.table)])
    if wanted.version is not None and rows[0]["config_version"] != wanted.version:
        raise VersionLost(wanted.table, rows[0]["config_version"])
    if wanted.fields:
        session.run(statement("change_configuration"), **key, changes=json.dumps(dict(wanted.fields)))
    if wanted.depends_on is not None:
        session.run(statement("change_dependencies"), **key, depends_on=json.dumps(dict(wanted.depends_on)))
    return None if described is None else fitted(session, wanted.table, described)


def fitted(session: Session, table: TableName, described: SourceTable) -> Definition | None:
    """The definition that registry, source and target make; InvalidRegistration where they do not fit.

    Workers with queries of their own check their columns themselves when they plan.
    """
    key = {"schema": table.schema, "name": table.name}
    (registry,) = session.run(statement("registry_row"), **key)
    if registry["handler"] != _PLAIN_COPY:
        return None
    return fit(table, registry, described, session.run(statement("target_columns"), **key), {})
