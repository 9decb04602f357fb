"""What the system needs of a Pub/Sub server, asked of the official emulator and of our own broker alike."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from google.api_core.exceptions import AlreadyExists, NotFound
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import DeadLetterPolicy, PubsubMessage, PushConfig, RetryPolicy, Subscription

from infra.local.pubsub import (
    DEAD_LETTER_TOPIC,
    SUBSCRIBERS,
    PubSub,
    create_subscriptions,
    create_topics,
    official_emulator,
    publisher,
    subscriber,
)
from tests.support.receiver import Receiver
from tests.support.waiting import wait_for

PROJECT = "projects/test-bus"
AT_ONCE = RetryPolicy(minimum_backoff=timedelta(0), maximum_backoff=timedelta(milliseconds=100))


class Bus:
    """A running server with a client of each kind; names are those of one test."""

    def __init__(self, server: PubSub) -> None:
        self.kind = server.kind
        self.address = server.address
        self.publisher: PublisherClient = publisher(server.address)
        self.subscriber: SubscriberClient = subscriber(server.address)
        self._made = 0

    def topic(self) -> str:
        self._made += 1
        name = f"{PROJECT}/topics/topic-{self._made}"
        self.publisher.create_topic(name=name)
        return name

    def subscribe(self, topic: str, **settings: object) -> str:
        self._made += 1
        name = f"{PROJECT}/subscriptions/subscription-{self._made}"
        self.subscriber.create_subscription(request=Subscription(name=name, topic=topic, **settings))
        return name

    def publish(self, topic: str, data: bytes = b"{}", **attributes: str) -> str:
        message = PubsubMessage(data=data, attributes=attributes)
        return str(self.publisher.publish(topic=topic, messages=[message]).message_ids[0])

    def pull(self, subscription: str) -> list[tuple[str, PubsubMessage]]:
        """One pull that waits for messages, as pairs of acknowledgement id and message."""
        answer = self.subscriber.pull(subscription=subscription, max_messages=10, timeout=20)
        return [(received.ack_id, received.message) for received in answer.received_messages]


@pytest.fixture(
    scope="module",
    params=[
        "embedded",
        pytest.param(
            "official",
            marks=pytest.mark.skipif(
                official_emulator() is None, reason="the official Pub/Sub emulator is not installed"
            ),
        ),
    ],
)
def bus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    folder: Path = tmp_path_factory.mktemp("bus")
    server = PubSub(kind=request.param, log=folder / "pubsub.log")
    try:
        server.launch()
        server.wait_ready()
        yield Bus(server)
    finally:
        server.stop()


def test_every_subscription_of_a_topic_gets_what_is_published_after_it_was_made(bus: Bus) -> None:
    topic = bus.topic()
    first = bus.subscribe(topic)
    bus.publish(topic, b"one")
    second = bus.subscribe(topic)
    bus.publish(topic, b"two", run_id="7")
    got: dict[bytes, dict[str, str]] = {}
    while len(got) < 2:
        got |= {message.data: dict(message.attributes) for _, message in bus.pull(first)}
    assert got == {b"one": {}, b"two": {"run_id": "7"}}
    assert [message.data for _, message in bus.pull(second)] == [b"two"]


def test_a_message_given_back_comes_again_and_an_acknowledged_one_does_not(bus: Bus) -> None:
    topic = bus.topic()
    subscription = bus.subscribe(topic)
    published = bus.publish(topic)
    [(ack_id, message)] = bus.pull(subscription)
    bus.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[ack_id], ack_deadline_seconds=0)
    [(ack_id, again)] = bus.pull(subscription)
    assert (message.message_id, again.message_id) == (published, published)
    assert again.publish_time == message.publish_time
    bus.subscriber.acknowledge(subscription=subscription, ack_ids=[ack_id])
    bus.publish(topic, b"next")
    assert [message.data for _, message in bus.pull(subscription)] == [b"next"]


def test_a_push_has_the_shape_of_pubsub_and_2xx_acknowledges_it(bus: Bus) -> None:
    topic = bus.topic()
    with Receiver() as receiver:
        subscription = bus.subscribe(topic, push_config=PushConfig(push_endpoint=receiver.url))
        published = bus.publish(topic, b'{"version":1}', run_id="7", table="public.t")
        wait_for(lambda: receiver.bodies, "the push")
        bus.publish(topic, b"next")
        wait_for(lambda: len(receiver.bodies) == 2, "the next push")
    body = receiver.bodies[0]
    assert body["subscription"] == subscription
    assert base64.b64decode(body["message"]["data"]) == b'{"version":1}'
    assert body["message"]["attributes"] == {"run_id": "7", "table": "public.t"}
    assert body["message"]["messageId"] == body["message"]["message_id"] == published
    assert body["message"]["publishTime"] == body["message"]["publish_time"]
    assert body["message"]["publishTime"].endswith("Z")


def test_a_refused_push_is_tried_again_until_it_is_accepted(bus: Bus) -> None:
    topic = bus.topic()
    with Receiver() as receiver:
        statuses = {1: 500, 2: 503, 3: 429}
        receiver.answer = lambda body: statuses.get(len(receiver.bodies), 204)
        bus.subscribe(topic, push_config=PushConfig(push_endpoint=receiver.url), retry_policy=AT_ONCE)
        first = bus.publish(topic)
        wait_for(lambda: len(receiver.bodies) == 4, "four attempts")
        second = bus.publish(topic)
        wait_for(lambda: len(receiver.bodies) == 5, "the next message")
    assert [body["message"]["messageId"] for body in receiver.bodies] == [first] * 4 + [second]


def test_a_message_that_is_always_refused_ends_in_the_dead_letter_topic_with_its_origin(bus: Bus) -> None:
    topic, dead = bus.topic(), bus.topic()
    graveyard = bus.subscribe(dead)
    with Receiver(lambda body: 500) as receiver:
        subscription = bus.subscribe(
            topic,
            push_config=PushConfig(push_endpoint=receiver.url),
            retry_policy=AT_ONCE,
            dead_letter_policy=DeadLetterPolicy(dead_letter_topic=dead, max_delivery_attempts=5),
        )
        bus.publish(topic, b"poison", run_id="7")
        found = wait_for(lambda: bus.pull(graveyard), "the dead letter")
    [(_, message)] = found
    assert message.data == b"poison"
    assert message.attributes["run_id"] == "7"
    assert message.attributes["CloudPubSubDeadLetterSourceSubscription"] == subscription.rpartition("/")[2]
    assert message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert len(receiver.bodies) == 5


def test_names_are_checked(bus: Bus) -> None:
    topic = bus.topic()
    subscription = bus.subscribe(topic)
    with pytest.raises(AlreadyExists):
        bus.publisher.create_topic(name=topic)
    with pytest.raises(AlreadyExists):
        bus.subscriber.create_subscription(request=Subscription(name=subscription, topic=topic))
    with pytest.raises(NotFound):
        bus.publish(f"{PROJECT}/topics/nowhere")
    with pytest.raises(NotFound):
        bus.subscriber.create_subscription(
            request=Subscription(name=f"{PROJECT}/subscriptions/lost", topic=f"{PROJECT}/topics/nowhere")
        )
    bus.subscriber.delete_subscription(subscription=subscription)
    with pytest.raises(NotFound):
        bus.subscriber.get_subscription(subscription=subscription)


def test_a_seek_delivers_again_what_was_acknowledged(bus: Bus) -> None:
    topic = bus.topic()
    subscription = bus.subscribe(topic, retain_acked_messages=True)
    bus.publish(topic, b"replayed")
    [(ack_id, message)] = bus.pull(subscription)
    bus.subscriber.acknowledge(subscription=subscription, ack_ids=[ack_id])
    bus.subscriber.seek(request={"subscription": subscription, "time": message.publish_time - timedelta(seconds=1)})
    assert [again.data for _, again in bus.pull(subscription)] == [b"replayed"]


def test_each_topic_of_the_system_is_pushed_to_its_function(bus: Bus) -> None:
    create_topics(bus.address, "test-topology")
    with Receiver() as receiver:
        endpoints = {function: f"{receiver.url}/{function}" for function in SUBSCRIBERS.values() if function != "asin"}
        create_subscriptions(bus.address, "test-topology", endpoints)
        made = {entry.name: entry for entry in bus.subscriber.list_subscriptions(project="projects/test-topology")}
        assert set(made) == {
            f"projects/test-topology/subscriptions/{topic}-push" for topic in SUBSCRIBERS if topic != "refresh-asin"
        }
        for topic in SUBSCRIBERS.keys() - {"refresh-asin"}:
            settings = made[f"projects/test-topology/subscriptions/{topic}-push"]
            assert settings.push_config.push_endpoint == endpoints[SUBSCRIBERS[topic]]
            assert settings.ack_deadline_seconds == 600
            assert settings.retry_policy.minimum_backoff == timedelta(seconds=1)
            assert settings.dead_letter_policy.max_delivery_attempts == (0 if topic == DEAD_LETTER_TOPIC else 100)
        bus.publish("projects/test-topology/topics/refresh-events", json.dumps({"id": 1}).encode())
        wait_for(lambda: receiver.bodies, "the event")
    assert receiver.bodies[0]["subscription"].endswith("refresh-events-push")
