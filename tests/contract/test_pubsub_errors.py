"""What each of Pub/Sub's errors becomes, through Google's own client and transport."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.adapters.pubsub import PubSubBus
from shared.domain.errors import RetryLater
from shared.domain.messages import SCHEDULE_TOPIC, OwedMessage
from tests.support.pubsub_stub import (
    FORBIDDEN,
    INTERNAL,
    INVALID,
    KEY_DISABLED,
    NOT_FOUND,
    RATE_LIMIT,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Failure,
    PublisherStub,
)

_GENERIC, _EVENTS = "refresh-generic", "refresh-events"
_PASSING = [UNAVAILABLE, INTERNAL, RATE_LIMIT]
_OF_ONE_TOPIC = [NOT_FOUND, FORBIDDEN, KEY_DISABLED]


@pytest.fixture
def server() -> Iterator[PublisherStub]:
    with PublisherStub() as server:
        yield server


@pytest.fixture
def bus(server: PublisherStub) -> Iterator[PubSubBus]:
    bus = PubSubBus("p", emulator=server.address, timeout=1.0)
    yield bus
    bus.close()


def _named(failure: Failure) -> str:
    return failure.reason or failure.code.name


def _owed(*numbers: int, topic: str = _GENERIC) -> list[OwedMessage]:
    return [
        OwedMessage(outbox_id=100 + number, topic=topic, payload={"number": number}, attributes={})
        for number in numbers
    ]


@pytest.mark.parametrize("failure", _PASSING, ids=_named)
def test_what_passes_is_tried_again_at_once(server: PublisherStub, bus: PubSubBus, failure: Failure) -> None:
    server.script[_GENERIC] = [failure, failure]
    assert bus.publish(_owed(1, 2)) == [101, 102]
    assert server.calls == [(_GENERIC, [1, 2])] * 3
    assert server.taken == [1, 2]


@pytest.mark.parametrize("failure", [*_PASSING, UNAUTHENTICATED], ids=_named)
def test_what_stays_leaves_the_messages_owed(server: PublisherStub, bus: PubSubBus, failure: Failure) -> None:
    server.always[_GENERIC] = failure
    with pytest.raises(RetryLater) as error:
        bus.publish(_owed(1))
    assert error.value.reason == "pubsub_unavailable"
    assert failure.message in str(error.value)
    assert server.taken == []


def test_a_message_whose_reply_was_lost_is_sent_again_and_counts_once(server: PublisherStub, bus: PubSubBus) -> None:
    server.script[_GENERIC] = [replace(UNAVAILABLE, after=True)]
    assert bus.publish(_owed(1)) == [101]
    assert server.taken == [1, 1], "receivers bear duplicates; the outbox does not lose what may not have arrived"


@pytest.mark.parametrize("failure", _OF_ONE_TOPIC, ids=_named)
def test_one_topic_in_trouble_keeps_nothing_else_back(server: PublisherStub, bus: PubSubBus, failure: Failure) -> None:
    server.always[_GENERIC] = failure
    assert bus.publish([*_owed(1), *_owed(2, topic=_EVENTS), *_owed(3)]) == [102]
    assert server.calls == [(_GENERIC, [1, 3]), (_EVENTS, [2])], "such an answer is not asked for twice"
    with pytest.raises(RetryLater, match=f"{_GENERIC}: .*") as error:
        bus.publish(_owed(1))
    assert failure.message in str(error.value)


def test_a_server_that_goes_away_in_between_has_taken_what_came_before(server: PublisherStub, bus: PubSubBus) -> None:
    server.always[_EVENTS] = UNAVAILABLE
    assert bus.publish([*_owed(1, 2), *_owed(3, topic=_EVENTS)]) == [101, 102]
    assert server.taken == [1, 2]


def test_a_message_that_is_refused_stays_behind_alone(server: PublisherStub, bus: PubSubBus) -> None:
    server.refused_numbers = {5}
    assert bus.publish(_owed(*range(8))) == [100, 101, 102, 103, 104, 106, 107]
    assert sorted(server.taken) == [0, 1, 2, 3, 4, 6, 7]
    with pytest.raises(RetryLater) as error:
        bus.publish(_owed(5))
    assert INVALID.message in str(error.value)


@pytest.mark.parametrize("failure", [None, FORBIDDEN])
def test_a_topic_that_answers_is_in_health(server: PublisherStub, bus: PubSubBus, failure: Failure | None) -> None:
    if failure is not None:
        server.always[SCHEDULE_TOPIC] = failure
    bus.check()


@pytest.mark.parametrize("failure", [NOT_FOUND, UNAVAILABLE, UNAUTHENTICATED], ids=_named)
def test_a_topic_that_does_not_is_not(server: PublisherStub, bus: PubSubBus, failure: Failure) -> None:
    server.always[SCHEDULE_TOPIC] = failure
    with pytest.raises(RetryLater, match=SCHEDULE_TOPIC) as error:
        bus.check()
    assert failure.message in str(error.value)
