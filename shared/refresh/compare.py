"""What a merge would write, found by the merge's own statements and not written.

Several statements look at the table one after the other and name its rows by their place in it, so the transaction must
be REPEATABLE READ: one snapshot for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.definition import Definition
from shared.domain.ids import TaskId
from shared.domain.quoting import postgres_identifier, postgres_literal
from shared.ports import Session
from shared.refresh.claim import task_parameters
from shared.refresh.merge import Merge, Written
from shared.sql import statement

SAMPLES = 5
"""Rows of each kind that are shown for a scope."""


class Comparison(Merge):
    """Staged rows beside live ones: `run` counts, `keep` stores what was found, scope by scope."""

    def __init__(
        self, session: Session, task: TaskId, definition: Definition, *, scopes: Sequence[str | None], staged_rows: int
    ) -> None:
        super().__init__(session, task, definition, scopes=scopes, staged_rows=staged_rows)
        self._task = task
        self._names |= _names_of_differences(definition, self._names)

    def run(self) -> Written:
        """What `Merge.run` would write. PermanentError when a key is staged twice."""
        self._execute("DROP TABLE IF EXISTS pg_temp.refresh_pairs, pg_temp.refresh_differences")
        if self._definition.key:
            self._refuse_duplicates()
            self._execute(statement("merge_pairs"))
        else:
            self._execute("DROP TABLE IF EXISTS pg_temp.refresh_live, pg_temp.refresh_staged")
            self._execute(statement("multiset_images"))
            self._execute(statement("multiset_staged"))
            self._execute(statement("multiset_pairs"))
        self._execute("ANALYZE refresh_pairs")
        self._execute(statement("compare_rows"))
        (found,) = self._execute(statement("count_differences"))
        inserted, updated, deleted = int(found["inserted"]), int(found["updated"]), int(found["deleted"])
        refused = 0
        if self._definition.strategy == "append":
            refused, updated, deleted = updated + deleted, 0, 0
        return Written(
            inserted=inserted,
            updated=updated,
            deleted=deleted,
            unchanged=self._staged_rows - inserted - updated,
            refused=refused,
        )

    def keep(self) -> None:
        """Store what was found for each scope that is not left alone, with some rows of each kind."""
        self._session.run(
            self._text("insert_diff"),
            **task_parameters(self._task),
            samples=SAMPLES,
            only_inserts=self._definition.strategy == "append",
        )

    def _text(self, name: str) -> str:
        return statement(name).format(**self._names)


def _names_of_differences(definition: Definition, names: dict[str, str]) -> dict[str, str]:
    """What the comparison's statements need beside the merge's names."""
    columns = [(column.name, postgres_identifier(column.name), column) for column in definition.columns]
    shown = definition.key or tuple(column.name for column in definition.columns)
    changed = [
        f"CASE WHEN ROW(t.{quoted})::record *<> ROW({column.published(f's.{quoted}')})::record "
        f"THEN {postgres_literal(name)} END"
        for name, quoted, column in columns
    ]
    return {
        "changed": f"array_remove(ARRAY[{', '.join(changed)}]::text[], NULL)",
        "staged_scope": _staged_scope(definition),
        "live_scope": definition.scope.postgres_value("t") if definition.scope else "NULL::text",
        "staged_shown": _as_json({n: column.published(f"s.{q}") for n, q, column in columns if n in shown}),
        "live_shown": _as_json({n: f"t.{q}" for n, q, _ in columns if n in shown}),
    }


def _staged_scope(definition: Definition) -> str:
    if definition.scope is None:
        return "NULL::text"
    column = definition.column(definition.scope.column)
    quoted = postgres_identifier(column.name)
    row = f"(SELECT {column.published(f's.{quoted}')} AS {quoted}) r"
    return f"(SELECT {definition.scope.postgres_value('r')} FROM {row})"


def _as_json(values: dict[str, str]) -> str:
    columns = ", ".join(f"{value} AS {postgres_identifier(name)}" for name, value in values.items())
    return f"(SELECT to_jsonb(shown) FROM (SELECT {columns}) shown)"
