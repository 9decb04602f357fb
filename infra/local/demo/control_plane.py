"""What the demo reads of the control plane."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import pg8000.native

from shared.adapters.database_url import connection_arguments


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it stands."""

    run_id: UUID
    status: str
    snapshot_at: datetime


@dataclass(frozen=True, kw_only=True)
class Task:
    """A table's task as it stands; `done` of `total` slices."""

    table: str
    status: str
    phase: str
    done: int
    total: int
    skipped: int
    counts: dict[str, int]
    seconds: float | None
    reason: str | None


class ControlPlane:
    """A connection of the demo's own, closed at the end of its block."""

    def __init__(self, database_url: str) -> None:
        self.connection = pg8000.native.Connection(**connection_arguments(database_url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def run_of(self, key: str) -> Run | None:
        """The planned run of an idempotency key."""
        rows = self._rows(
            "SELECT run_id, status, snapshot_at FROM refresh.refresh_run"
            " WHERE idempotency_key = :key AND planned_at IS NOT NULL",
            key=key,
        )
        return Run(**rows[0]) if rows else None

    def tasks(self, run_id: UUID) -> list[Task]:
        """The run's tasks in the order of their priority."""
        rows = self._rows(
            "SELECT table_schema || '.' || table_name AS table, status, phase, slices_total - slices_open AS done,"
            " slices_total AS total, slices_skipped AS skipped, reason,"
            " extract(epoch FROM finished_at - started_at)::float8 AS seconds,"
            " jsonb_build_object('read', rows_read, 'inserted', rows_inserted, 'updated', rows_updated,"
            " 'deleted', rows_deleted, 'unchanged', rows_unchanged) AS counts"
            " FROM refresh.refresh_task WHERE run_id = :run ORDER BY priority, table_schema, table_name",
            run=run_id,
        )
        return [Task(**row) for row in rows]

    def moved_scopes(self, run_id: UUID) -> list[dict[str, Any]]:
        """Per table with slices of its own: its source, the scopes that were moved, and how many were left alone."""
        return self._rows(
            "SELECT r.source, t.table_schema || '.' || t.table_name AS table,"
            " coalesce(array_agg(s.scope ORDER BY s.scope) FILTER (WHERE s.action <> 'unchanged'), '{}') AS moved,"
            " count(*) FILTER (WHERE s.action = 'unchanged') AS unchanged"
            " FROM refresh.refresh_task t JOIN refresh.refresh_table_registry r USING (table_schema, table_name)"
            " JOIN refresh.refresh_task_scope s USING (run_id, table_schema, table_name)"
            " WHERE t.run_id = :run GROUP BY 1, 2 ORDER BY 2",
            run=run_id,
        )

    def failures(self, run_id: UUID) -> list[str]:
        """What went wrong, table by table."""
        rows = self._rows(
            "SELECT table_schema || '.' || table_name || ': ' || coalesce(error, reason) AS text"
            " FROM refresh.refresh_task WHERE run_id = :run AND reason IS NOT NULL",
            run=run_id,
        )
        return [row["text"] for row in rows]

    def _rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        rows = self.connection.run(sql, **parameters)
        names = [column["name"] for column in self.connection.columns]
        return [dict(zip(names, row, strict=True)) for row in rows]
