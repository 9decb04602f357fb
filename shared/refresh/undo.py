"""What a publish overwrites, kept in a table of its own, so that `refresh.roll_back` can put it back exactly.

Whole rows are kept, with the columns that no source feeds. An inserted row is kept by its key alone where the table has
a key that is never NULL; everywhere else rows are told apart by their whole image, and kept as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.definition import Definition
from shared.domain.ids import TaskId
from shared.domain.quoting import postgres_identifier
from shared.ports import Session
from shared.refresh.claim import task_parameters
from shared.sql import statement

_KIND = "refresh_undo_kind"


class Change(StrEnum):
    """What a publish does to a row, as `refresh_undo_kind` names it."""

    INSERTED = "inserted"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where the overwritten rows are. `key`: columns by which they are found in the target; none: by image."""

    table: str
    key: tuple[str, ...]


class Undo:
    """The undo table of one publish: made before its first write, dropped again if nothing was written."""

    def __init__(self, session: Session, task: TaskId, definition: Definition, *, target: str) -> None:
        self._session = session
        self._task = task
        self._target = target
        self._name = f"refresh_undo.{postgres_identifier(task.undo_table)}"
        self._key = definition.key
        self._columns: list[str] = []

    def begin(self) -> None:
        """Make the undo table, with the target's columns as they are now; nothing where rollback is switched off."""
        names = task_parameters(self._task)
        if self._session.run(statement("rollback_publishes"), **names)[0]["rollback_publishes"] == 0:
            return
        columns = [row for row in self._session.run(statement("target_columns"), **names) if not row["generated"]]
        nullable = {row["name"] for row in columns if not row["not_null"]}
        if nullable.intersection(self._key):
            self._key = ()
        self._columns = [postgres_identifier(row["name"]) for row in columns]
        self._session.run(
            f"CREATE TABLE {self._name} WITH (autovacuum_enabled = false) AS"
            f" SELECT CAST(NULL AS text) AS {_KIND}, {', '.join(self._columns)} FROM {self._target} WITH NO DATA"
        )

    def keep_pairs(self) -> None:
        """Keep the live rows of `refresh_pairs` before they are updated or deleted."""
        if not self._columns:
            return
        kept = Change.UPDATED if self._key else Change.DELETED
        live = ", ".join(f"t.{name}" for name in self._columns)
        self._session.run(
            f"INSERT INTO {self._name} ({_KIND}, {', '.join(self._columns)})"
            f" SELECT CASE WHEN p.staged IS NULL THEN '{Change.DELETED}' ELSE '{kept}' END, {live}"
            f" FROM refresh_pairs p JOIN {self._target} t ON t.tableoid = p.live_table AND t.ctid = p.live"
        )

    def counted(self, write: str, change: Change, *, kept: bool = False) -> str:
        """The statement that writes and tells how many `rows` it wrote. `kept`: what it overwrites is kept already."""
        alias = "" if change is Change.INSERTED else "t."
        columns = self._columns
        if change is Change.INSERTED and self._key:
            columns = [postgres_identifier(name) for name in self._key]
        if change is Change.UPDATED and not self._key:
            change, kept = Change.INSERTED, False
        if not self._columns or kept:
            return f"WITH written AS ({write} RETURNING 1) SELECT count(*) AS rows FROM written"
        returned = ", ".join(alias + name for name in columns)
        listed = ", ".join(columns)
        return (
            f"WITH written AS ({write} RETURNING {returned}), kept AS ("
            f"INSERT INTO {self._name} ({_KIND}, {listed}) SELECT '{change}', {listed} FROM written"
            ") SELECT count(*) AS rows FROM written"
        )

    def end(self, *, wrote: bool) -> Kept | None:
        """Where the rows are kept; None when nothing is."""
        if not self._columns:
            return None
        if not wrote:
            self._session.run(f"DROP TABLE {self._name}")
            return None
        return Kept(table=self._task.undo_table, key=self._key)


def record_publish(
    session: Session,
    task: TaskId,
    *,
    inserted: int,
    updated: int,
    deleted: int,
    was_empty: bool,
    kept: Kept | None,
) -> None:
    """Note what was written and what stood there before, as long as the partition state still says it."""
    if inserted + updated + deleted == 0:
        return
    key = task_parameters(task)
    (publish,) = session.run(
        statement("insert_publish"),
        **key,
        was_empty=was_empty,
        inserted=inserted,
        updated=updated,
        deleted=deleted,
        key_columns=list(kept.key) if kept else [],
        undo_table=kept.table if kept else None,
    )
    if publish["kept"]:
        session.run(statement("insert_publish_scopes"), **key, publish_id=publish["publish_id"])
    session.run(statement("expire_publishes"), schema=task.table.schema, name=task.table.name)
