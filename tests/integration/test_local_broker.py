"""What our broker does beyond the official emulator: attempts, exact times, and faults on demand."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from google.api_core.exceptions import InvalidArgument
from google.pubsub_v1.types import DeadLetterPolicy, PubsubMessage, PushConfig, RetryPolicy, Subscription, Topic

from infra.local.broker.book import Book
from infra.local.broker.faults import Faults
from infra.local.broker.message import Message
from infra.local.broker.server import Broker
from infra.local.pubsub import publisher, subscriber
from tests.support.receiver import Receiver
from tests.support.waiting import wait_for

TOPIC, DEAD = "projects/p/topics/t", "projects/p/topics/dead"
NAME, GRAVEYARD = "projects/p/subscriptions/s", "projects/p/subscriptions/graveyard"
DOUBLING = RetryPolicy(minimum_backoff=timedelta(seconds=1), maximum_backoff=timedelta(seconds=4))


class Clock:
    """A steady clock that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _book(clock: Clock, faults: Faults | None = None, **settings: object) -> Book:
    book = Book(faults, clock)
    book.create_topic(Topic(name=TOPIC))
    book.create_topic(Topic(name=DEAD))
    book.create_subscription(Subscription(name=GRAVEYARD, topic=DEAD))
    book.create_subscription(Subscription(name=NAME, topic=TOPIC, **settings))
    return book


def _datas(book: Book, name: str = NAME) -> list[bytes]:
    return [delivery.message.data for delivery in book.take(name, 100)]


def test_a_delivery_that_is_not_acknowledged_in_time_comes_again_after_the_back_off() -> None:
    clock = Clock()
    book = _book(clock, ack_deadline_seconds=10, retry_policy=DOUBLING)
    book.publish(TOPIC, [(b"x", {})])
    for wait in (0.0, 1.0, 2.0, 4.0, 4.0):
        clock.now += wait - 0.001
        assert _datas(book) == []
        clock.now += 0.001
        [delivery] = book.take(NAME, 100)
        clock.now += 10
    assert delivery.attempt == 5


def test_an_extended_deadline_holds_and_an_old_acknowledgement_id_does_nothing() -> None:
    clock = Clock()
    book = _book(clock, ack_deadline_seconds=10)
    book.publish(TOPIC, [(b"x", {})])
    [first] = book.take(NAME, 1)
    old = first.ack_id
    book.set_deadline(NAME, [old], 60)
    clock.now += 59
    assert _datas(book) == []
    clock.now += 1
    [again] = book.take(NAME, 1)
    book.acknowledge(NAME, [old])
    clock.now += 10
    assert _datas(book) == [b"x"]
    book.acknowledge(NAME, [again.ack_id])
    clock.now += 10
    assert _datas(book) == []


def test_an_exhausted_message_is_dead_lettered_with_its_count() -> None:
    clock = Clock()
    policy = DeadLetterPolicy(dead_letter_topic=DEAD, max_delivery_attempts=5)
    book = _book(clock, dead_letter_policy=policy)
    book.publish(TOPIC, [(b"poison", {"run_id": "7"})])
    for _ in range(5):
        [delivery] = book.take(NAME, 1)
        book.set_deadline(NAME, [delivery.ack_id], 0)
    assert _datas(book) == []
    [letter] = book.take(GRAVEYARD, 1)
    assert letter.message.data == b"poison"
    attributes = dict(letter.message.attributes)
    assert attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime")
    assert attributes == {
        "run_id": "7",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "s",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
    }


class Troubled(Faults):
    """By the message: `drop`, `double`, `late` (an hour); deliverable ones go out last first; a first ack is lost."""

    def copies(self, subscription: str, message: Message) -> Sequence[float]:
        return {b"drop": (), b"double": (0.0, 0.0), b"late": (3600.0,)}.get(message.data, (0.0,))

    def order(self, subscription: str, ready: Sequence[Message]) -> Sequence[int]:
        return range(len(ready) - 1, -1, -1)

    def loses_ack(self, subscription: str, message: Message, attempt: int) -> bool:
        return message.data == b"unheard" and attempt == 1


def test_faults_drop_double_delay_and_reorder() -> None:
    clock = Clock()
    book = _book(clock, Troubled(), ack_deadline_seconds=600)
    book.publish(TOPIC, [(b"drop", {}), (b"double", {}), (b"late", {}), (b"plain", {})])
    assert _datas(book) == [b"plain", b"double", b"double"]
    clock.now += 3600
    assert b"late" in _datas(book)


def test_a_lost_acknowledgement_brings_the_message_again() -> None:
    book = _book(Clock(), Troubled())
    book.publish(TOPIC, [(b"unheard", {})])
    for attempt in (1, 2):
        [delivery] = book.take(NAME, 1)
        assert delivery.attempt == attempt
        book.acknowledge(NAME, [delivery.ack_id])
    assert _datas(book) == []


def test_a_push_tells_the_attempt_and_faults_reach_it() -> None:
    with (
        Broker(faults=Troubled()) as broker,
        Receiver() as receiver,
        publisher(broker.address) as client,
        subscriber(broker.address) as admin,
    ):
        for name in (TOPIC, DEAD):
            client.create_topic(name=name)
        policy = DeadLetterPolicy(dead_letter_topic=DEAD, max_delivery_attempts=5)
        where = PushConfig(push_endpoint=receiver.url)
        settings = Subscription(name=NAME, topic=TOPIC, push_config=where, dead_letter_policy=policy)
        admin.create_subscription(request=settings)
        client.publish(topic=TOPIC, messages=[PubsubMessage(data=b"unheard")])
        wait_for(lambda: len(receiver.bodies) == 2, "the second delivery")
    assert [body["deliveryAttempt"] for body in receiver.bodies] == [1, 2]


def test_an_endpoint_that_is_not_there_is_tried_again_once_it_is() -> None:
    with Receiver() as gone:
        address = gone.url
    with Broker() as broker, publisher(broker.address) as client, subscriber(broker.address) as admin:
        client.create_topic(name=TOPIC)
        settings = Subscription(name=NAME, topic=TOPIC, push_config=PushConfig(push_endpoint=address))
        settings.retry_policy = RetryPolicy(minimum_backoff=timedelta(0), maximum_backoff=timedelta(milliseconds=50))
        admin.create_subscription(request=settings)
        client.publish(topic=TOPIC, messages=[PubsubMessage(data=b"x")])
        wait_for(lambda: broker.book.subscription(NAME).deliveries[0].attempt > 2, "failed attempts")
        with Receiver() as receiver:
            admin.modify_push_config(subscription=NAME, push_config=PushConfig(push_endpoint=receiver.url))
            wait_for(lambda: receiver.bodies, "the push")
            wait_for(lambda: not broker.book.subscription(NAME).deliveries, "the acknowledgement")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"filter": 'attributes.kind = "x"'}, "filter"),
        ({"enable_message_ordering": True}, "enable_message_ordering"),
        ({"ack_deadline_seconds": 601}, "ack_deadline_seconds"),
        ({"dead_letter_policy": DeadLetterPolicy(dead_letter_topic=DEAD, max_delivery_attempts=4)}, "max_delivery"),
    ],
)
def test_what_the_broker_does_not_have_is_refused_by_name(settings: dict[str, object], field: str) -> None:
    with Broker() as broker, publisher(broker.address) as client, subscriber(broker.address) as admin:
        client.create_topic(name=TOPIC)
        with pytest.raises(InvalidArgument, match=field):
            admin.create_subscription(request=Subscription(name=NAME, topic=TOPIC, **settings))
