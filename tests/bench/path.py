"""The measured runs of the path, on a database with the control plane in it."""

from __future__ import annotations

import multiprocessing
import time
from datetime import date
from uuid import uuid4

import pg8000.native
import pyarrow as pa
import pyarrow.compute as pc

from shared.adapters.clock import SystemClock
from shared.adapters.database_url import connection_arguments
from shared.adapters.postgres import PostgresStore
from shared.domain.ids import RunId, TableName
from shared.domain.messages import TableMessage
from shared.ports import Row
from shared.refresh.define import define
from shared.refresh.run import TableRefresh
from shared.refresh.runtime import Limits, Runtime
from tests.bench.memory_source import MemorySource
from tests.bench.sample_table import DDL, KEY, week_batch, weeks
from tests.support.engine import NoShutdown, RecordedSteps

FIRST_COUNT = "c4"
TABLE = TableName(schema="public", name="bench_target")


class Path:
    """One target table, its registration, and the source behind it."""

    def __init__(self, database_url: str, rows: int, *, parallelism: int = 1, keep: bool = True) -> None:
        self._url = database_url
        self._rows = rows
        self._parallelism = parallelism
        self._changed: dict[date, int] = {}
        self._cache: dict[tuple[date, int], pa.RecordBatch] = {}
        self._keep = keep
        self.source = MemorySource(self._batch, weeks())
        self.store = PostgresStore(database_url)

    def create(self) -> None:
        """A fresh, empty target; everything known of the former one is forgotten."""
        key = {"schema": TABLE.schema, "name": TABLE.name}
        with self.store.transaction() as session:
            session.run(f"DROP TABLE IF EXISTS {TABLE}")
            session.run(f"CREATE TABLE {TABLE} ({DDL}, PRIMARY KEY ({', '.join(KEY)}))")
            for table in ("refresh_partition_state", "refresh_task", "refresh_table_registry"):
                session.run(f"DELETE FROM refresh.{table} WHERE table_schema = :schema AND table_name = :name", **key)
            session.run(
                "INSERT INTO refresh.refresh_table_registry (table_schema, table_name, handler, source, key_columns,"
                " scope_column, parallelism)"
                " VALUES (:schema, :name, 'generic', 'p.d.t', :columns, 'period_start', :lanes)",
                **key,
                columns=list(KEY),
                lanes=self._parallelism,
            )
        self.measure()

    def change(self, changed_weeks: list[date], *, every: int) -> int:
        """Give weeks a new version in which every `every`-th row differs; how many rows change by it."""
        differing = 0
        for week in changed_weeks:
            before = self._batch(week)
            self._changed[week] = every
            self.source.versions[week] += 1
            differing += pc.sum(pc.not_equal(before.column(FIRST_COUNT), self._batch(week).column(FIRST_COUNT))).as_py()
        self.measure()
        return differing

    def night(self) -> None:
        """What autovacuum does before the next day."""
        connection = pg8000.native.Connection(**(connection_arguments(self._url) | {"timeout": None}))
        connection.run(f"VACUUM ANALYZE {TABLE}")
        connection.close()

    def measure(self) -> None:
        """Let the source know its figures, and the disk be quiet, before the clock starts."""
        self.source.measure(define(self.runtime(), TABLE, {}))
        with self.store.transaction() as session:
            session.run("ANALYZE refresh.refresh_task")

    def run(self) -> tuple[float, Row]:
        """Seconds of a whole run, and its task."""
        message = self._task()
        started = time.perf_counter()
        if self._parallelism > 1:
            self._run_lanes(message)
        else:
            TableRefresh(self.runtime(), message, {}).run()
        seconds = time.perf_counter() - started
        with self.store.transaction() as session:
            (task,) = session.run("SELECT * FROM refresh.refresh_task WHERE run_id = :run", run=message.run_id)
        if task["status"] not in ("success", "no_new_data"):
            raise RuntimeError(f"the run ended as {task['status']}: {task['error']}")
        return seconds, task

    def runtime(self) -> Runtime:
        return Runtime(
            source=self.source,
            store=self.store,
            clock=SystemClock(),
            steps=RecordedSteps(),
            shutdown=NoShutdown(),
            limits=Limits(budget=3000.0, publish_reserve=1500.0),
        )

    def _run_lanes(self, message: TableMessage) -> None:
        """Lane 0 plans and loads; the others start as soon as its plan has put their messages into the outbox."""
        context = multiprocessing.get_context("fork")
        planned = context.Event()
        others = [context.Process(target=self._lane, args=(message, planned)) for _ in range(1, self._parallelism)]
        for process in others:
            process.start()
        runtime = self.runtime()
        runtime.steps.actions["plan_committed"] = planned.set  # type: ignore[attr-defined]
        TableRefresh(runtime, message, {}).run()
        for process in others:
            process.join()
        TableRefresh(runtime, message, {}).run()

    def _lane(self, message: TableMessage, planned: object) -> None:
        planned.wait()  # type: ignore[attr-defined]
        self.store = PostgresStore(self._url)
        TableRefresh(self.runtime(), message, {}).run()

    def _task(self) -> TableMessage:
        run = uuid4()
        with self.store.transaction() as session:
            session.run(
                "INSERT INTO refresh.refresh_run"
                " (run_id, trigger, requested_by, idempotency_key, snapshot_at, planned_at)"
                " VALUES (:run, 'manual', 'bench', :key, :snapshot, now())",
                run=run,
                key=str(run),
                snapshot=self.source.now(),
            )
            session.run(
                "INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority)"
                " VALUES (:run, :schema, :name, 'generic', 1)",
                run=run,
                schema=TABLE.schema,
                name=TABLE.name,
            )
        return TableMessage(run_id=RunId(run), table=TABLE)

    def _batch(self, week: date) -> pa.RecordBatch:
        version = (week, self._changed.get(week, 0))
        if version not in self._cache:
            number = weeks().index(week)
            batch = week_batch(number, self._rows // len(weeks()), changed_every=version[1])
            if not self._keep:
                return batch
            self._cache[version] = batch
        return self._cache[version]
