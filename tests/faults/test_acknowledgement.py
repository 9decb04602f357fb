"""A message is acknowledged only when what it asked for is committed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from threading import Event

import pytest

from shared.domain.messages import TableMessage
from shared.messaging.endpoint import Answer, answer
from shared.refresh.worker import handle_table
from tests.support.control_plane import RecordingBus
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.staged import StagedEngine, StagedTable

STEPS = ["publishing_claimed", "publish_fenced", "publish_locked", "publish_merged", "publish_recorded"]


class Killed(BaseException):
    """The end of the process, as far as a thread can have one."""


@pytest.fixture
def table(migrated_url: str) -> Iterator[StagedTable]:
    engine = StagedEngine(migrated_url)
    yield StagedTable(engine)
    engine.close()


def push(engine: Engine, message: TableMessage) -> Answer:
    """What the function answers to Pub/Sub."""
    body = {"version": 1, "run_id": str(message.run_id), "table": str(message.table)}
    data = base64.b64encode(json.dumps(body).encode()).decode()
    bus = RecordingBus()
    return answer(
        json.dumps({"message": {"messageId": "1", "data": data}}).encode(),
        {},
        bus=bus,
        handle=lambda delivery: handle_table(engine.runtime, bus, delivery, function="generic", datasets={}),
    )


def test_the_answer_comes_after_the_commit(table: StagedTable) -> None:
    message = table.stage([(1, "a", "x")])
    answered = Event()
    table.engine.steps.actions = {"publish_merged": lambda: answered.wait(0.3)}
    assert push(table.engine, message) == ("done", 200)
    answered.set()
    assert table.engine.state(message)["status"] == "success"


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_ends_before_the_commit_has_not_answered(table: StagedTable, step: str) -> None:
    def die() -> None:
        raise Killed

    message = table.stage([(1, "a", "x")])
    table.engine.steps.actions = {step: die}
    with pytest.raises(Killed):
        push(table.engine, message)
    assert table.items() == []
    table.engine.steps.actions = {}
    table.engine.sql("UPDATE refresh.refresh_task SET lease_until = now() - interval '1 s'")
    assert push(table.engine, message) == ("done", 200)
    assert table.items() == [(1, "a", "x")]
    check_invariants(table.engine)
