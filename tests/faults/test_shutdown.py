"""A worker that has to stop: SIGTERM to the bare server in the middle of a slice, and a time budget that runs out."""

from __future__ import annotations

import base64
import http.client
import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event

import psutil
import pyarrow as pa
import pytest

from infra.local.broker.server import Broker
from infra.local.functions import Function
from infra.local.pubsub import create_topics
from infra.local.stack import ROOT
from shared.adapters.clock import SystemClock
from shared.domain.errors import OutOfTime, RetryLater
from shared.domain.messages import Delivery, TableMessage
from shared.ports import JobResult, QueryJob, ReadSession, Row, Source, SourceTable
from shared.refresh.read_ahead import read_ahead
from shared.refresh.worker import handle_table
from tests.conftest import BigQueryEnv
from tests.support.control_plane import RecordingBus
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.orders import Orders
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.waiting import wait_for

_ROWS = 40_000
_CHUNK_ROWS = 100
_GRACE_SECONDS = 10.0


@pytest.fixture
def traces() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture
def function(engine: Engine, bigquery_env: BigQueryEnv, tmp_path: Path, traces: OtlpReceiver) -> Iterator[Function]:
    """The generic worker as the platform starts it, with small chunks."""
    with Broker() as broker, tempfile.TemporaryDirectory(prefix="refresh-") as run_dir:
        create_topics(broker.address, bigquery_env.project)
        env = dict(os.environ) | {
            "DATABASE_URL": engine.database_url,
            "GOOGLE_CLOUD_PROJECT": bigquery_env.project,
            "BIGQUERY_EMULATOR_HOST": bigquery_env.rest_url,
            "BIGQUERY_STORAGE_EMULATOR_HOST": bigquery_env.grpc_address,
            "PUBSUB_EMULATOR_HOST": broker.address,
            "REFRESH_CHUNK_ROWS": str(_CHUNK_ROWS),
            "REFRESH_TRACES": traces.url,
        }
        function = Function("generic", root=ROOT, env=env, log=tmp_path / "generic.log", run_dir=Path(run_dir))
        function.launch()
        try:
            function.wait_ready()
            yield function
        finally:
            function.stop()


def push(function: Function, message: TableMessage) -> int:
    """Post the message as Pub/Sub would; the answer's status."""
    data = base64.b64encode(payload(message)).decode()
    body = {"message": {"data": data, "messageId": "1"}, "subscription": "projects/p/subscriptions/refresh-generic"}
    connection = http.client.HTTPConnection("127.0.0.1", function.port, timeout=60)
    connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return status


def payload(message: TableMessage, **more: int) -> bytes:
    return json.dumps({"version": 1, "run_id": str(message.run_id), "table": str(message.table)} | more).encode()


def checkpoint(engine: Engine, message: TableMessage) -> Row:
    """The task's only slice; without one yet, nothing was received."""
    rows = engine.sql("SELECT * FROM refresh.refresh_checkpoint WHERE run_id = :run", run=message.run_id)
    return rows[0] if rows else {"rows_received": 0}


@pytest.mark.parametrize("traced", [True, False], ids=["traced", "nobody_takes_the_traces"])
def test_sigterm_in_the_middle_of_a_slice_loses_nothing_and_nothing_is_read_twice(
    engine: Engine, function: Function, traces: OtlpReceiver, traced: bool
) -> None:
    if not traced:
        traces.answers.clear()
    orders = Orders(engine, scope_column=None)
    engine.bigquery(
        "INSERT INTO `{d}.orders` SELECT n, DATE '2025-02-01', CONCAT('customer ', n), 1.5"
        f" FROM UNNEST(GENERATE_ARRAY(1, {_ROWS})) AS n"
    )
    message = engine.task("public.orders")
    master = psutil.Process(function.serving_pid).parent()
    assert master is not None
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(push, function, message)
        wait_for(lambda: checkpoint(engine, message)["rows_received"], "the first chunk")
        told_at = time.monotonic()
        master.terminate()
        master.wait(_GRACE_SECONDS)
        took = time.monotonic() - told_at
        assert answer.result() == 200

    assert took < _GRACE_SECONDS
    names = {one.name for one in traces.spans}
    assert names >= {"refresh table", "load slice"} or not traced, "what was traced until then is sent before the end"
    left = checkpoint(engine, message)
    assert 0 < left["rows_received"] < _ROWS
    assert (left["status"], left["lease_until"], left["attempt"]) == ("pending", None, 0)
    continuations = engine.sql(
        "SELECT published_at IS NOT NULL AS published FROM refresh.refresh_outbox"
        " WHERE topic = 'refresh-generic' AND payload ->> 'run_id' = :run AND payload ->> 'continuation' = '1'",
        run=str(message.run_id),
    )
    assert continuations == [{"published": True}]

    engine.source = counting = CountingSource(engine.source)
    assert engine.deliver(message)["status"] == "success"
    assert counting.rows == _ROWS - left["rows_received"]
    assert (counting.jobs, counting.sessions) == (1, 0), "the job is met again, the session goes on"
    assert orders.target() == orders.source()
    check_invariants(engine)


def test_a_table_that_needs_more_than_one_budget_goes_on_in_further_messages(engine: Engine) -> None:
    orders = Orders(engine, slice_target_rows=8)
    orders.days(1, 6)
    message = engine.task("public.orders")
    engine.limits = replace(engine.limits, budget=12.0, publish_reserve=3.0, chunk_rows=3)
    bus, waiting = RecordingBus(), [payload(message)]
    continuations: list[int] = []
    while waiting:
        engine.clock = TickingClock()
        delivery = Delivery(message_id="1", data=waiting.pop(0), attributes={}, published_at=None)
        handle_table(engine.runtime, bus, delivery, function="generic", datasets={})
        waiting += [json.dumps(one.payload).encode() for one in bus.of_topic("refresh-generic")[len(continuations) :]]
        continuations = [one.payload["continuation"] for one in bus.of_topic("refresh-generic")]

    assert len(continuations) >= 2
    assert continuations == list(range(1, len(continuations) + 1))
    assert engine.state(message)["status"] == "success"
    assert engine.state(message)["rows_read"] == 24
    assert orders.target() == orders.source()
    check_invariants(engine)


def hanging() -> Iterator[int]:
    """An item that does not come."""
    Event().wait(60)
    yield 1


def test_a_read_that_hangs_is_given_up_when_the_worker_has_to_stop() -> None:
    def check() -> None:
        raise OutOfTime("the process is shutting down")

    began = time.monotonic()
    items = read_ahead(hanging(), check)
    with pytest.raises(OutOfTime):
        next(items)
    assert time.monotonic() - began < _GRACE_SECONDS


def test_a_read_that_hangs_for_long_is_tried_again_later() -> None:
    with pytest.raises(RetryLater, match="no data came"):
        next(read_ahead(hanging(), lambda: None, patience=1.0))


class TickingClock(SystemClock):
    """A `Clock` on which every look takes a second."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 1.0
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


class CountingSource:
    """A `Source` that counts what the slices cost."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.rows = self.jobs = self.sessions = 0

    def now(self) -> datetime:
        return self._source.now()

    def describe(self, reference: str) -> SourceTable:
        return self._source.describe(reference)

    def describe_query(self, reference: str, sql: str) -> SourceTable:
        return self._source.describe_query(reference, sql)

    def run(self, job: QueryJob, *, timeout: float) -> JobResult:
        self.jobs += 1
        return self._source.run(job, timeout=timeout)

    def estimate(self, job: QueryJob) -> int | None:
        return self._source.estimate(job)

    def fetch(self, result: JobResult) -> list[Row]:
        return self._source.fetch(result)

    def open_session(self, result: JobResult, *, max_streams: int) -> ReadSession:
        self.sessions += 1
        return self._source.open_session(result, max_streams=max_streams)

    def read(self, stream: str, *, offset: int) -> Iterator[pa.RecordBatch]:
        for batch in self._source.read(stream, offset=offset):
            self.rows += batch.num_rows
            yield batch
