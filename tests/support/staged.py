"""Tasks that only have to be published: no BigQuery, so that a test can have hundreds of them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from shared.adapters.clock import SystemClock
from shared.domain.dataset import Column
from shared.domain.messages import TableMessage
from shared.domain.states import ScopeAction
from shared.planning.scopes import PlannedScope, PublishedScope
from shared.planning.slices import plan_slices
from shared.ports import Session, Source, SourceTable
from shared.refresh.claim import task_parameters
from shared.refresh.define import define
from shared.refresh.frozen import freeze_definition
from shared.refresh.plan_rows import scopes_json, slices_json
from shared.refresh.runtime import Runtime
from shared.refresh.staging import create_staging, staging_name
from shared.sql import statement
from tests.support.engine import Engine

Item = tuple[int, str, str]
"""id, part (the scope), text."""
_TASK = "run_id = :run_id AND table_schema = :schema AND table_name = :name"
ITEM_COLUMNS = (Column(name="id", type="INT64"), Column(name="part", type="STRING"), Column(name="text", type="STRING"))


class DescribedSource:
    """A `Source` that knows the columns of its tables, and nothing else."""

    def describe(self, reference: str) -> SourceTable:
        return SourceTable(reference=reference, columns=ITEM_COLUMNS, is_table=True)

    def now(self) -> datetime:
        return datetime.now(UTC)


class UnhurriedClock(SystemClock):
    """Does not wait between two tries."""

    def sleep(self, seconds: float) -> None:
        return


class StagedEngine(Engine):
    """An engine for staged tasks."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url, cast(Source, DescribedSource()), "p.d", None)

    @property
    def runtime(self) -> Runtime:
        return replace(super().runtime, clock=UnhurriedClock())


class StagedTable:
    """A table `public.<name>` of items, scoped by part. Each task of it has a newer snapshot than the one before."""

    def __init__(self, engine: Engine, name: str = "items", *, keyed: bool = True, **registration: Any) -> None:
        self.engine = engine
        self.table = f"public.{name}"
        self._snapshot = datetime(2025, 1, 1, tzinfo=UTC)
        key = ", PRIMARY KEY (id)" if keyed else ""
        engine.sql(f"CREATE TABLE {self.table} (id bigint, part text, text text{key})")
        columns = {"key_columns": ["id"] if keyed else [], "scope_column": "part"} | registration
        engine.register(self.table, name, **columns)

    def stage(
        self,
        items: Iterable[Item],
        *,
        vanished: Sequence[str] = (),
        held: Sequence[str] = (),
        run: UUID | None = None,
        message: TableMessage | None = None,
    ) -> TableMessage:
        """A task whose plan and slices are done: `items` are all rows of the changed parts, `vanished` parts go, `held`
        ones are held, and the other published ones are unchanged. Of a new run, unless one is given, or a task."""
        self._snapshot += timedelta(minutes=1)
        message = message or self.engine.task(self.table, snapshot_at=self._snapshot, run=run)
        definition = define(self.engine.runtime, message.table, {})
        with self.engine.store.transaction() as session:
            create_staging(session, message.task, definition)
            freeze_definition(session, message.task, definition)
            scopes = [
                *_changed(items := list(items)),
                *(_left(part, ScopeAction.VANISHED) for part in vanished),
                *(_left(part, ScopeAction.HELD) for part in held),
            ]
            self._fill(session, message, items, scopes, definition.hash)
        return message

    def items(self) -> list[Item]:
        """What the table holds."""
        rows = self.engine.sql(f"SELECT id, part, text FROM {self.table} ORDER BY 1, 2, 3")
        return [cast(Item, tuple(row.values())) for row in rows]

    def _fill(
        self, session: Session, message: TableMessage, items: list[Item], scopes: list[PlannedScope], definition: str
    ) -> None:
        key = task_parameters(message.task)
        session.run(
            f"INSERT INTO {staging_name(message.task)} (id, part, text, refresh_slice)"
            " SELECT i.id, i.part, i.text, 0 FROM unnest(CAST(:ids AS bigint[]), CAST(:parts AS text[]),"
            " CAST(:texts AS text[])) AS i (id, part, text)",
            ids=[one[0] for one in items],
            parts=[one[1] for one in items],
            texts=[one[2] for one in items],
        )
        touched = {scope.value for scope in scopes}
        published = [PublishedScope(**row) for row in session.run(statement("published_scopes"), **key)]
        scopes += [_unchanged(scope) for scope in published if scope.value not in touched and scope.fingerprint]
        slices = plan_slices(scopes, target_rows=1_000_000)
        session.run(statement("insert_task_scopes"), **key, scopes=scopes_json(scopes, slices))
        session.run(statement("insert_checkpoints"), **key, slices=slices_json(slices))
        session.run(
            "UPDATE refresh.refresh_checkpoint SET status = 'done', rows_received = rows_expected,"
            f" rows_read = rows_expected, rows_staged = rows_expected WHERE {_TASK}",
            **key,
        )
        session.run(
            "UPDATE refresh.refresh_task SET status = 'running', phase = 'staged', definition_hash = :definition,"
            " staging_table = :staging, slices_total = :slices, rows_read = :rows, rows_staged = :rows,"
            f" owed_at = clock_timestamp() WHERE {_TASK}",
            definition=definition,
            staging=message.task.staging_table,
            slices=len(slices),
            rows=len(items),
            **key,
        )


def _changed(items: Iterable[Item]) -> list[PlannedScope]:
    parts: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        parts[item[1]].append(item)
    return [
        PlannedScope(
            value=part,
            action=ScopeAction.CHANGED,
            rows=len(rows),
            rows_read=len(rows),
            fingerprint=hashlib.sha256(json.dumps(sorted(rows)).encode()).hexdigest()[:16],
        )
        for part, rows in sorted(parts.items())
    ]


def _left(part: str, action: ScopeAction) -> PlannedScope:
    return PlannedScope(value=part, action=action, rows=0)


def _unchanged(scope: PublishedScope) -> PlannedScope:
    return PlannedScope(value=scope.value, action=ScopeAction.UNCHANGED, rows=scope.rows, fingerprint=scope.fingerprint)
