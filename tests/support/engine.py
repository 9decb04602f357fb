"""The path on a real Postgres and the BigQuery emulator, driven task by task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from shared.adapters.bigquery import BigQuerySource
from shared.adapters.clock import SystemClock
from shared.adapters.postgres import PostgresStore
from shared.domain.dataset import Dataset
from shared.domain.ids import RunId, TableName
from shared.domain.messages import TableMessage
from shared.ports import Clock, Row, Source, Store
from shared.refresh.run import TableRefresh
from shared.refresh.runtime import Limits, Runtime
from shared.refresh.summaries import ViewRefresh


class NoShutdown:
    """A process that nobody ends."""

    def requested(self) -> bool:
        return False


@dataclass
class RecordedSteps:
    """Remembers the steps, and calls what a test has put on one of them."""

    seen: list[str] = field(default_factory=list)
    actions: dict[str, Any] = field(default_factory=dict)

    def reached(self, step: str) -> None:
        self.seen.append(step)
        if step in self.actions:
            self.actions[step]()


class Engine:
    """One database and one BigQuery dataset, with the path between them."""

    def __init__(
        self, database_url: str, source: Source, dataset: str, query: Any, limits: Limits | None = None
    ) -> None:
        self.database_url = database_url
        self.dataset = dataset
        self._postgres = PostgresStore(database_url)
        self.store: Store = self._postgres
        self.source = source
        self.steps = RecordedSteps()
        self.clock: Clock = SystemClock()
        self.limits = limits or Limits(budget=300.0)
        self._query = query

    @property
    def runtime(self) -> Runtime:
        return Runtime(
            source=self.source,
            store=self.store,
            clock=self.clock,
            steps=self.steps,
            shutdown=NoShutdown(),
            limits=self.limits,
        )

    def close(self) -> None:
        """Close the connections."""
        self._postgres.close()

    def another(self, **limits: Any) -> Engine:
        """A second worker on the same database and dataset."""
        return Engine(self.database_url, self.source, self.dataset, self._query, replace(self.limits, **limits))

    def by_way_of(self, database_url: str) -> Engine:
        """A second worker that reaches the same database by another address."""
        return Engine(database_url, self.source, self.dataset, self._query, self.limits)

    def sql(self, text: str, **parameters: Any) -> list[Row]:
        """Run a statement in Postgres, in a transaction of its own."""
        with self.store.transaction() as session:
            return session.run(text, **parameters)

    def bigquery(self, text: str) -> list[Row]:
        """Run a statement in BigQuery; `{d}` stands for the dataset."""
        return [dict(row.items()) for row in self._query(text.format(d=self.dataset)).result()]

    def register(self, table: str, source: str, **columns: Any) -> None:
        """Register a target table by plain INSERT; `source` is a table of the dataset."""
        schema, name = table.split(".")
        row = {"table_schema": schema, "table_name": name, "source": f"{self.dataset}.{source}", "handler": "generic"}
        row |= columns
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        self.sql(f"INSERT INTO refresh.refresh_table_registry ({names}) VALUES ({values})", **row)

    def task(
        self,
        table: str,
        *,
        snapshot_at: datetime | None = None,
        force: bool = False,
        mode: str = "live",
        run: UUID | None = None,
    ) -> TableMessage:
        """A task, in a new run at the given snapshot or now, or in the given one."""
        schema, name = table.split(".")
        run = run or self._run(snapshot_at)
        self.sql(
            "INSERT INTO refresh.refresh_task"
            " (run_id, table_schema, table_name, handler, priority, force, mode, publish_group)"
            " SELECT :run, table_schema, table_name, handler, priority, :force, CAST(:mode AS text),"
            " CASE WHEN CAST(:mode AS text) = 'live' THEN publish_group END"
            " FROM refresh.refresh_table_registry WHERE table_schema = :schema AND table_name = :name",
            run=run,
            force=force,
            mode=mode,
            schema=schema,
            name=name,
        )
        return TableMessage(run_id=RunId(run), table=TableName(schema=schema, name=name))

    def _run(self, snapshot_at: datetime | None) -> UUID:
        run = uuid4()
        self.sql(
            "INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, idempotency_key, snapshot_at, planned_at)"
            " VALUES (:run, 'manual', 'test', :key, :snapshot, now())",
            run=run,
            key=f"test:{run}",
            snapshot=snapshot_at or self.source.now(),
        )
        return run

    def tasks(self, *tables: str, snapshot_at: datetime | None = None) -> list[TableMessage]:
        """A new run with a task for each table, at the given snapshot or now; their messages."""
        run = self._run(snapshot_at)
        return [self.task(table, run=run) for table in tables]

    def deliver(self, message: TableMessage, datasets: Mapping[str, Dataset] | None = None) -> Row:
        """Let the worker handle the message; the task's row afterwards."""
        TableRefresh(self.runtime, message, datasets or {}).run()
        return self.state(message)

    def deliver_view(self, message: TableMessage) -> Row:
        """Let the worker of materialized views handle the message; the task's row afterwards."""
        ViewRefresh(self.runtime, message).run()
        return self.state(message)

    def refresh(
        self,
        table: str,
        *,
        force: bool = False,
        mode: str = "live",
        datasets: Mapping[str, Dataset] | None = None,
    ) -> Row:
        """A whole run of one table; the task's row afterwards."""
        return self.deliver(self.task(table, force=force, mode=mode), datasets)

    def state(self, message: TableMessage) -> Row:
        """The task's row."""
        (row,) = self.sql(
            "SELECT * FROM refresh.refresh_task WHERE run_id = :run AND table_schema = :schema AND table_name = :name",
            run=message.run_id,
            schema=message.table.schema,
            name=message.table.name,
        )
        return row

    def audit(self, run_id: UUID) -> list[str]:
        """The audit's events of a run, in order."""
        rows = self.sql("SELECT event FROM refresh.refresh_audit_log WHERE run_id = :run ORDER BY audit_id", run=run_id)
        return [row["event"] for row in rows]

    def staging_tables(self) -> list[str]:
        """Names of the staging tables that exist."""
        rows = self.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'refresh_staging' ORDER BY 1")
        return [row["tablename"] for row in rows]


def emulated_source(project: str, rest_url: str, grpc_address: str) -> Source:
    """The BigQuery adapter on an emulator."""
    return BigQuerySource(project=project, emulator=rest_url, storage_emulator=grpc_address)
