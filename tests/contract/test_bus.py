"""What every `Bus` keeps to, on each Pub/Sub server that is here, and what a bus does when its server fails it."""

import json
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.pubsub import Kind, PubSub, official_emulator, publisher, subscriber
from shared.adapters.pubsub import PubSubBus
from shared.domain.errors import RetryLater
from shared.domain.messages import OwedMessage

PROJECT = "test-bus"


@pytest.fixture(scope="module", params=["embedded", "official"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PubSub]:
    kind: Kind = request.param
    if kind == "official" and official_emulator() is None:
        pytest.skip("the Google Cloud SDK's Pub/Sub emulator, or java, is not on this machine")
    server = PubSub(kind=kind, log=tmp_path_factory.mktemp("bus") / "pubsub.log")
    try:
        server.launch()
        server.wait_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture
def bus(server: PubSub) -> Iterator[PubSubBus]:
    bus = PubSubBus(PROJECT, emulator=server.address, timeout=5.0)
    yield bus
    bus.close()


@pytest.fixture
def topic(server: PubSub) -> str:
    """A topic of the test's own, with a subscription of the same name."""
    name = f"refresh-{uuid.uuid4().hex[:8]}"
    with publisher(server.address) as client:
        client.create_topic(name=f"projects/{PROJECT}/topics/{name}")
    with subscriber(server.address) as client:
        client.create_subscription(
            name=f"projects/{PROJECT}/subscriptions/{name}", topic=f"projects/{PROJECT}/topics/{name}"
        )
    return name


def owed(topic: str, number: int, **payload: Any) -> OwedMessage:
    return OwedMessage(outbox_id=number, topic=topic, payload={"number": number} | payload, attributes={"table": "s.ü"})


def received(server: PubSub, topic: str, count: int) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """The messages of the subscription, until `count` are there."""
    path = f"projects/{PROJECT}/subscriptions/{topic}"
    found: dict[str, tuple[dict[str, Any], dict[str, str]]] = {}
    with subscriber(server.address) as client:
        while len(found) < count:
            answer = client.pull(subscription=path, max_messages=1000, timeout=20)
            assert answer.received_messages, f"only {len(found)} of {count} messages came"
            client.acknowledge(subscription=path, ack_ids=[one.ack_id for one in answer.received_messages])
            for one in answer.received_messages:
                found[one.message.message_id] = (json.loads(one.message.data), dict(one.message.attributes))
    return list(found.values())


def test_a_message_arrives_as_it_was_owed(server: PubSub, bus: PubSubBus, topic: str) -> None:
    assert bus.publish([owed(topic, 7, text="emoji 🙂, \u0000 and quotes \"'")]) == [7]
    assert received(server, topic, 1) == [({"number": 7, "text": "emoji 🙂, \u0000 and quotes \"'"}, {"table": "s.ü"})]


def test_nothing_to_publish_asks_no_server() -> None:
    assert PubSubBus(PROJECT, emulator="127.0.0.1:1").publish([]) == []


def test_a_thousand_messages_take_well_under_a_second(server: PubSub, bus: PubSubBus, topic: str) -> None:
    bus.publish([owed(topic, 0)])
    messages = [owed(topic, number) for number in range(1, 2_501)]
    began = time.monotonic()
    taken = bus.publish(messages[:1_000])
    took = time.monotonic() - began
    taken += bus.publish(messages[1_000:])
    assert taken == list(range(1, 2_501))
    assert took < 1.0, took
    assert sorted(body["number"] for body, _ in received(server, topic, 2_501)) == list(range(2_501))


def test_a_missing_topic_does_not_keep_back_the_others(server: PubSub, bus: PubSubBus, topic: str) -> None:
    assert bus.publish([owed("missing", 1), owed(topic, 2), owed("missing", 3)]) == [2]
    with pytest.raises(RetryLater, match="missing"):
        bus.publish([owed("missing", 1)])


def test_large_messages_are_sent_in_several_calls(server: PubSub, bus: PubSubBus, topic: str) -> None:
    messages = [owed(topic, number, text="x" * 1_500_000) for number in range(12)]
    assert bus.publish(messages) == list(range(12))


def test_a_server_that_is_not_there_takes_nothing_within_the_timeout(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        bus = PubSubBus(PROJECT, emulator=f"127.0.0.1:{unused.getsockname()[1]}", timeout=1.0)
        began = time.monotonic()
        with pytest.raises(RetryLater):
            bus.publish([owed("refresh-generic", 1)])
        assert time.monotonic() - began < 10
        bus.close()
