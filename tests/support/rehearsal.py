"""One change of `orders`, refreshed again and again from the same answers of BigQuery and the same start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from shared.adapters.clock import SystemClock
from shared.domain.messages import Delivery, TableMessage
from shared.domain.states import TaskStatus
from shared.ports import Bus, JobResult, QueryJob, ReadSession, Row, Source, SourceTable, Store
from shared.refresh.worker import handle_table
from tests.support.aftermath import MOST_DELIVERIES, let_time_pass
from tests.support.control_plane import RecordingBus
from tests.support.engine import Engine
from tests.support.orders import Orders


class HurriedClock(SystemClock):
    """A `Clock` that does not sleep."""

    def sleep(self, seconds: float) -> None:
        del seconds


class RecordedSource:
    """A `Source` that asks another one every question once. A job's result is that of the first job with its query."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._answers: dict[Any, Any] = {}

    def now(self) -> datetime:
        moment: datetime = self._once("now", self._source.now)
        return moment

    def describe(self, reference: str) -> SourceTable:
        described: SourceTable = self._once(("describe", reference), lambda: self._source.describe(reference))
        return described

    def describe_query(self, reference: str, sql: str) -> SourceTable:
        described: SourceTable = self._once(("query", sql), lambda: self._source.describe_query(reference, sql))
        return described

    def run(self, job: QueryJob, *, timeout: float) -> JobResult:
        question = ("run", job.sql, repr(job.parameters))
        result: JobResult = self._once(question, lambda: self._source.run(job, timeout=timeout))
        return replace(result, job_id=job.job_id)

    def estimate(self, job: QueryJob) -> int | None:
        return self._source.estimate(job)

    def fetch(self, result: JobResult) -> list[Row]:
        rows: list[Row] = self._once(("fetch", result.table), lambda: self._source.fetch(result))
        return rows

    def open_session(self, result: JobResult, *, max_streams: int) -> ReadSession:
        session: ReadSession = self._once(
            ("open", result.table, max_streams), lambda: self._source.open_session(result, max_streams=max_streams)
        )
        return session

    def read(self, stream: str, *, offset: int) -> Iterator[pa.RecordBatch]:
        batches = self._once(("read", stream), lambda: list(self._source.read(stream, offset=0)))
        for batch in batches:
            if offset < batch.num_rows:
                yield batch.slice(offset)
            offset = max(0, offset - batch.num_rows)

    def _once(self, question: Any, ask: Any) -> Any:
        if question not in self._answers:
            self._answers[question] = ask()
        return self._answers[question]


class Rehearsal:
    """`orders` published once and then changed: two changed scopes, a vanished one, a new one."""

    def __init__(self, engine: Engine, **registration: Any) -> None:
        self.engine = engine
        self.orders = Orders(engine, **({"slice_target_rows": 8} | registration))
        self.orders.days(1, 4)
        assert self.orders.refresh()["status"] == "success"
        engine.sql("CREATE SCHEMA saved")
        engine.sql("CREATE TABLE saved.orders AS TABLE public.orders")
        engine.sql("CREATE TABLE saved.state AS TABLE refresh.refresh_partition_state")
        engine.sql("CREATE TABLE saved.registry AS TABLE refresh.refresh_table_registry")
        self.orders.change()
        self.orders.days(5, 5)
        engine.bigquery("DELETE FROM `{d}.orders` WHERE day = DATE '2025-01-04'")
        self.expected = self.orders.source()
        engine.source = RecordedSource(engine.source)

    def start(self) -> TableMessage:
        """The table as it was before the change, and a new task to bring it up to date."""
        self.rewind()
        return self.engine.task("public.orders")

    def rewind(self) -> None:
        """Make the table what it was before the change."""
        sql = self.engine.sql
        sql("DELETE FROM public.orders")
        sql("INSERT INTO public.orders SELECT * FROM saved.orders")
        sql("DELETE FROM refresh.refresh_partition_state")
        sql("INSERT INTO refresh.refresh_partition_state SELECT * FROM saved.state")
        sql(
            "UPDATE refresh.refresh_table_registry r SET scanned_snapshot_at = s.scanned_snapshot_at"
            " FROM saved.registry s WHERE (r.table_schema, r.table_name) = (s.table_schema, s.table_name)"
        )

    def deliver(
        self,
        message: TableMessage,
        *,
        store: Store | None = None,
        source: Source | None = None,
        bus: Bus | None = None,
    ) -> str | Exception:
        """Hand the message to the worker, with these ports in place of the usual ones; what came of it."""
        own = self.engine.runtime
        runtime = replace(own, store=store or own.store, source=source or own.source, clock=HurriedClock())
        delivery = Delivery(message_id="1", data=_body(message), attributes={}, published_at=None)
        try:
            return handle_table(runtime, bus or RecordingBus(), delivery, function="generic", datasets={})
        except Exception as error:
            return error

    def bring_to_end(self, message: TableMessage, **ports: Any) -> Row:
        """Let time pass and deliver again until the task has ended; the task."""
        for _ in range(MOST_DELIVERIES):
            task = self.engine.state(message)
            if TaskStatus(task["status"]).ended:
                return task
            let_time_pass(self.engine)
            self.deliver(message, **ports)
        raise AssertionError(f"after {MOST_DELIVERIES} deliveries the task is {self.engine.state(message)}")

    def assert_published(self, task: Row) -> None:
        """The task has published exactly the change."""
        assert (task["status"], task["reason"], task["error"]) == ("success", None, None)
        assert self.orders.target() == self.expected
        assert self.engine.audit(task["run_id"]).count("task_success") == 1


def _body(message: TableMessage) -> bytes:
    return f'{{"version":1,"run_id":"{message.run_id}","table":"{message.table}"}}'.encode()
