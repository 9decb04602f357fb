"""The diff-merge: what is staged becomes what is live, by writing only the rows that differ.

Runs inside the publish transaction, under a lock that lets readers in and other writers not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from shared.domain.definition import Definition
from shared.domain.errors import PermanentError, StoreRefused
from shared.domain.ids import TableName, TaskId
from shared.domain.quoting import postgres_identifier
from shared.ports import Row, Session
from shared.refresh.staging import staging_name
from shared.refresh.undo import Change, Kept, Undo
from shared.sql import statement

_UNIQUE_VIOLATION = "23505"


@dataclass(frozen=True, kw_only=True)
class Written:
    """Rows that a merge wrote, left alone, and (append only) refused to change."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    refused: int = 0
    was_empty: bool = False
    """The table had no row before."""
    kept: Kept | None = None
    """Where the rows are that were overwritten."""

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of rows, by name."""
        return {name: getattr(self, name) for name in ("inserted", "updated", "deleted", "unchanged", "refused")}

    @property
    def rows(self) -> int:
        """Rows that differ from what was there before."""
        return self.inserted + self.updated + self.deleted


class Merge:
    """One table's merge: `scopes` are the scope values that are written, `staged_rows` the rows staged for them."""

    def __init__(
        self, session: Session, task: TaskId, definition: Definition, *, scopes: Sequence[str | None], staged_rows: int
    ) -> None:
        self._session = session
        self._definition = definition
        self._scopes = list(scopes)
        self._staged_rows = staged_rows
        self._names = _names(task, definition)
        self._undo = Undo(session, task, definition, target=self._names["target"])

    def run(self) -> Written:
        """Write what differs. PermanentError when a key is staged twice."""
        with unique_rules(self._definition):
            if target_is_empty(self._session, self._definition):
                return self._fill()
            if self._definition.shadow is None:
                self._undo.begin()
            written = self._write()
            return replace(written, kept=self._undo.end(wrote=written.rows > 0))

    def _write(self) -> Written:
        if self._definition.strategy == "append":
            return self._append()
        return self._merge_keyed() if self._definition.key else self._merge_multiset()

    def _fill(self) -> Written:
        if self._staged_rows == 0:
            return Written()
        return Written(inserted=self._count("fill_empty", Change.INSERTED), was_empty=True)

    def _append(self) -> Written:
        if self._staged_rows == 0:
            return Written()
        self._refuse_duplicates()
        refused = int(self._execute(statement("append_refused"))[0]["refused"])
        inserted = self._count("append_new", Change.INSERTED)
        return Written(inserted=inserted, unchanged=self._staged_rows - inserted, refused=refused)

    def _merge_keyed(self) -> Written:
        if self._staged_rows == 0:
            return Written(deleted=self._count("delete_scopes", Change.DELETED))
        self._refuse_duplicates()
        self._execute("DROP TABLE IF EXISTS pg_temp.refresh_pairs")
        self._execute(statement("merge_pairs"))
        self._execute("ANALYZE refresh_pairs")
        self._undo.keep_pairs()
        deleted = self._count("merge_delete", Change.DELETED, kept=True)
        updated = self._count("merge_update", Change.UPDATED, kept=True)
        inserted = self._count("merge_insert", Change.INSERTED)
        return Written(
            inserted=inserted, updated=updated, deleted=deleted, unchanged=self._staged_rows - inserted - updated
        )

    def _merge_multiset(self) -> Written:
        if self._staged_rows == 0:
            return Written(deleted=self._count("delete_scopes", Change.DELETED))
        self._execute("DROP TABLE IF EXISTS pg_temp.refresh_live, pg_temp.refresh_staged")
        self._execute(statement("multiset_images"))
        self._execute(statement("multiset_staged"))
        self._execute("ANALYZE refresh_live; ANALYZE refresh_staged")
        deleted = self._count("multiset_delete", Change.DELETED)
        inserted = self._count("multiset_insert", Change.INSERTED)
        return Written(inserted=inserted, deleted=deleted, unchanged=self._staged_rows - inserted)

    def _refuse_duplicates(self) -> None:
        if not self._execute(statement("merge_suspect"))[0]["suspected"]:
            return
        rows = self._execute(statement("merge_duplicate"))
        if rows:
            raise PermanentError(
                f"{self._definition.table}: key {rows[0]['key']} stands {rows[0]['times']} times in the source; "
                f"the key columns are {', '.join(self._definition.key)}",
                reason="duplicate_key",
            )

    def _execute(self, sql: str) -> list[Row]:
        return self._run(sql.format(**self._names))

    def _count(self, name: str, change: Change, *, kept: bool = False) -> int:
        write = statement(name).format(**self._names)
        return int(self._run(self._undo.counted(write, change, kept=kept))[0]["rows"])

    def _run(self, text: str) -> list[Row]:
        return self._session.run(text, scopes=self._scopes) if ":scopes" in text else self._session.run(text)


@contextmanager
def unique_rules(definition: Definition) -> Iterator[None]:
    """A broken unique rule of the target is the source's fault: PermanentError with the key."""
    try:
        yield
    except StoreRefused as error:
        if error.sqlstate != _UNIQUE_VIOLATION:
            raise
        raise PermanentError(
            f"{definition.table}: the source breaks a unique rule of the table: {error}", reason="duplicate_key"
        ) from error


def target_is_empty(session: Session, definition: Definition) -> bool:
    """Whether the table that is written has no row."""
    return bool(session.run(f"SELECT NOT EXISTS (SELECT FROM {target_name(definition)}) AS empty")[0]["empty"])


def target_name(definition: Definition) -> str:
    """The quoted, qualified name of the table that is written: the live one, or its shadow."""
    return qualified(definition.destination)


def qualified(table: TableName) -> str:
    """A table's quoted, qualified name."""
    return f"{postgres_identifier(table.schema)}.{postgres_identifier(table.name)}"


def _names(task: TaskId, definition: Definition) -> dict[str, str]:
    quoted = [postgres_identifier(column.name) for column in definition.columns]
    staged = [column.published(f"s.{name}") for name, column in zip(quoted, definition.columns, strict=True)]
    columns, values = list(quoted), list(staged)
    if definition.loaded_at_column is not None:
        columns.append(postgres_identifier(definition.loaded_at_column))
        values.append("now()")
    by_name = dict(zip(quoted, staged, strict=True))
    key = [postgres_identifier(name) for name in definition.key]
    in_scopes = definition.scope.postgres_condition("t", ":scopes") if definition.scope else "true"
    return {
        "target": target_name(definition),
        "live": _live(definition, in_scopes),
        "staging": staging_name(task),
        "columns": ", ".join(columns),
        "staged_values": ", ".join(values),
        "assignments": ", ".join(f"{name} = {value}" for name, value in zip(columns, values, strict=True)),
        "live_row": ", ".join(f"t.{name}" for name in quoted),
        "staged_row": ", ".join(staged),
        "key_match": " AND ".join(f"t.{name} = {by_name[name]}" for name in key),
        "staged_key": ", ".join(by_name[name] for name in key),
        "in_scopes": in_scopes,
    }


def _live(definition: Definition, in_scopes: str) -> str:
    """The live rows that a staged key can meet: where the scope is part of the key, those of the scopes alone."""
    if definition.scope is None or definition.scope.column not in definition.key:
        return target_name(definition)
    return f"(SELECT t.tableoid, t.ctid, t.* FROM {target_name(definition)} t WHERE {in_scopes})"
