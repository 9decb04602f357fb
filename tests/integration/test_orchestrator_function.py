"""The function itself: a push in, messages out, over real Postgres, BigQuery's clock and Pub/Sub."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from functions.orchestrator.main import orchestrator
from infra.local.pubsub import PubSub, create_topics, subscriber
from shared import wiring
from tests.conftest import BigQueryEnv
from tests.support.control_plane import ControlPlane

pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag")

Push = Callable[[bytes], tuple[str, int]]
Received = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def pubsub(bigquery_env: BigQueryEnv, tmp_path: Path) -> Iterator[PubSub]:
    server = PubSub(kind="embedded", log=tmp_path / "pubsub.log")
    try:
        server.launch()
        server.wait_ready()
        create_topics(server.address, bigquery_env.project)
        yield server
    finally:
        server.stop()


@pytest.fixture
def received(pubsub: PubSub, bigquery_env: BigQueryEnv) -> Iterator[Received]:
    """Bodies of what was published to a topic since the test began."""
    project = bigquery_env.project
    with subscriber(pubsub.address) as client:
        for topic in ("refresh-generic", "refresh-dead-letter"):
            client.create_subscription(
                name=f"projects/{project}/subscriptions/{topic}", topic=f"projects/{project}/topics/{topic}"
            )

        def pull(topic: str) -> list[dict[str, Any]]:
            path = f"projects/{project}/subscriptions/{topic}"
            answer = client.pull(subscription=path, max_messages=100, return_immediately=True)
            return [json.loads(one.message.data) for one in answer.received_messages]

        yield pull


@pytest.fixture
def push(
    plane: ControlPlane, pubsub: PubSub, bigquery_env: BigQueryEnv, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Push]:
    """Push a message to the function as Pub/Sub would."""
    forget_wiring()
    monkeypatch.setenv("DATABASE_URL", plane.url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", bigquery_env.project)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bigquery_env.rest_url)
    monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", bigquery_env.grpc_address)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.address)
    monkeypatch.setenv("REFRESH_LOG_FORMAT", "console")

    def push(data: bytes) -> tuple[str, int]:
        message = {
            "data": base64.b64encode(data).decode(),
            "messageId": "1",
            "publishTime": "2025-06-02T06:00:01Z",
            "attributes": {},
        }
        body = {"message": message, "subscription": "projects/p/subscriptions/refresh-schedule-push"}
        return orchestrator(Request(EnvironBuilder(method="POST", json=body).get_environ()))  # type: ignore[arg-type]

    yield push
    forget_wiring()


def forget_wiring() -> None:
    for made in (wiring.settings, wiring.store, wiring.source, wiring.bus):
        made.cache_clear()


def test_a_daily_push_is_answered_when_its_tables_are_published(
    plane: ControlPlane, push: Push, received: Received
) -> None:
    plane.register("a")
    text, status = push(b'{"version":1,"kind":"daily"}')
    assert (text.split()[0], status) == ("planned", 200)
    (message,) = received("refresh-generic")
    assert message["table"] == "public.a"
    assert push(b'{"version":1,"kind":"daily"}') == ("planned before", 200)
    assert received("refresh-generic") == []


def test_a_snapshot_is_bigquerys_own_time(plane: ControlPlane, push: Push, received: Received) -> None:
    push(b'{"version":1,"kind":"daily"}')
    (run,) = plane.run("SELECT abs(extract(epoch FROM snapshot_at - now())) < 60 AS now FROM refresh.refresh_run")
    assert run["now"]


def test_a_sweep_is_answered(plane: ControlPlane, push: Push, received: Received) -> None:
    assert push(b'{"version":1,"kind":"sweep"}') == ("swept", 200)


def test_poison_lands_in_the_dead_letter_topic_and_is_acknowledged(
    plane: ControlPlane, push: Push, received: Received
) -> None:
    assert push(b'{"version":2,"kind":"daily"}')[1] == 200
    (letter,) = received("refresh-dead-letter")
    assert letter["reason"] == "unknown_version: 2, only 1 is known"
    assert letter["payload"] == '{"version":2,"kind":"daily"}'


@pytest.mark.parametrize(("setting", "runs"), [("* * * * *", 1), ("off", 0)])
def test_a_sweep_asks_for_the_verification_that_the_setting_wants(
    plane: ControlPlane, push: Push, monkeypatch: pytest.MonkeyPatch, setting: str, runs: int
) -> None:
    monkeypatch.setenv("REFRESH_VERIFY_SCHEDULE", setting)
    plane.register("a")
    plane.run("UPDATE refresh.refresh_table_registry SET scanned_snapshot_at = now()")
    push(b'{"version":1,"kind":"sweep"}')
    asked = plane.run("SELECT FROM refresh.refresh_run WHERE idempotency_key LIKE 'schedule:verify:%'")
    assert len(asked) == runs
