import base64
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import InvalidMessage, RetryLater
from shared.domain.ids import RunId, TableName
from shared.domain.messages import (
    DailyTrigger,
    Delivery,
    ManualTrigger,
    OwedMessage,
    Sweep,
    TableFinished,
    TableMessage,
)
from shared.messaging import dead_letter, receive
from shared.messaging.endpoint import answer

RUN = "5f0e8b1c-1111-4222-8333-444455556666"
TABLE_BODY = {"version": 1, "run_id": RUN, "table": "public.sales", "lane": 2, "continuation": 3}


def push(content: bytes, **message: Any) -> bytes:
    envelope = {
        "message": {
            "data": base64.b64encode(content).decode(),
            "attributes": {"run_id": RUN},
            "messageId": "77",
            "publishTime": "2025-06-02T04:00:01.5Z",
            **message,
        },
        "subscription": "projects/p/subscriptions/refresh-generic-push",
        "deliveryAttempt": 4,
    }
    return json.dumps(envelope).encode()


def carrying(body: object) -> Delivery:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(message_id="1", data=data, attributes={}, published_at=None)


class RecordingBus:
    def __init__(self, *, down: bool = False) -> None:
        self.messages: list[OwedMessage] = []
        self.down = down

    def publish(self, messages: Any) -> list[int]:
        if self.down:
            raise RetryLater("down")
        self.messages += messages
        return [one.outbox_id for one in messages]


def test_a_push_keeps_all_that_pubsub_says() -> None:
    assert receive.delivery(push(b"hello"), {"Content-Type": "application/json"}) == Delivery(
        message_id="77",
        data=b"hello",
        attributes={"run_id": RUN},
        published_at=datetime(2025, 6, 2, 4, 0, 1, 500_000, tzinfo=UTC),
        subscription="projects/p/subscriptions/refresh-generic-push",
        delivery_attempt=4,
    )


def test_a_binary_cloudevent_carries_the_same() -> None:
    headers = {
        "Ce-Id": "88",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-source": "//pubsub.googleapis.com/projects/p/topics/refresh-generic",
        "CE-Time": "2025-06-02T04:00:01Z",
    }
    body = json.dumps({"message": {"data": base64.b64encode(b"hello").decode()}, "subscription": "s"}).encode()
    assert receive.delivery(body, headers) == Delivery(
        message_id="88",
        data=b"hello",
        attributes={},
        published_at=datetime(2025, 6, 2, 4, 0, 1, tzinfo=UTC),
        subscription="s",
    )


@pytest.mark.parametrize(
    ("body", "headers", "problem"),
    [
        (b"", {}, "the request body is not JSON"),
        (b"[]", {}, "the request body is not a JSON object"),
        (b"{}", {}, "no object 'message'"),
        (b"[" * 100_000, {}, "the request body is not JSON"),
        (b'{"message":{}}', {}, "no messageId"),
        (push(b"", data="***"), {}, "not base64"),
        (push(b"", attributes={"a": 1}), {}, "attributes"),
        (push(b"", publishTime="yesterday"), {}, "publishTime"),
        (push(b"", publishTime="2025-06-02T04:00:01"), {}, "publishTime"),
        (push(b""), {"ce-type": "google.cloud.storage.object.v1.finalized"}, "CloudEvent of type"),
    ],
)
def test_what_is_no_delivery_is_refused_with_the_reason(body: bytes, headers: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidMessage, match=problem):
        receive.delivery(body, headers)


def test_a_table_message() -> None:
    assert receive.table_message(carrying(TABLE_BODY)) == TableMessage(
        run_id=RunId(UUID(RUN)), table=TableName(schema="public", name="sales"), lane=2, continuation=3
    )


def test_lane_and_continuation_may_be_left_out_and_further_fields_are_ignored() -> None:
    body = {"version": 1, "run_id": RUN, "table": "public.sales", "colour": "green"}
    message = receive.table_message(carrying(body))
    assert (message.lane, message.continuation) == (0, 0)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"version": 1, "kind": "daily"}, DailyTrigger()),
        (
            {"version": 1, "kind": "daily", "scheduled_for": "2025-06-02T06:00:00+02:00"},
            DailyTrigger(scheduled_for=datetime(2025, 6, 2, 4, tzinfo=UTC)),
        ),
        ({"version": 1, "kind": "sweep"}, Sweep()),
        ({"version": 1, "kind": "manual", "run_id": RUN}, ManualTrigger(run_id=RunId(UUID(RUN)))),
        (
            {"version": 1, "kind": "table_finished", "run_id": RUN, "table": "a.b"},
            TableFinished(run_id=RunId(UUID(RUN)), table=TableName(schema="a", name="b")),
        ),
    ],
)
def test_schedule_messages(body: dict[str, Any], message: object) -> None:
    assert receive.schedule_message(carrying(body)) == message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "unknown_version: 2, only 1 is known"),
        ({"version": None}, "unknown_version: null"),
        ({"version": True}, "unknown_version: true"),
        ({"version": "1"}, 'unknown_version: "1"'),
        ({"version": 1.0}, "unknown_version: 1.0"),
        ({"kind": "table_finished"}, 'unknown_kind: "table_finished"'),
        ({"run_id": "x"}, 'malformed: run_id is "x", not a UUID'),
        ({"run_id": 5}, "malformed: run_id is 5"),
        ({"run_id": None}, "malformed: run_id is null"),
        ({"table": "sales"}, "malformed: table 'sales' is not of the form schema.name"),
        ({"table": "a.b.c"}, "schema.name"),
        ({"table": "a.\u0000"}, "malformed: table is"),
        ({"table": "a.\ud800"}, "malformed: table is"),
        ({"table": None}, "malformed: table is null"),
        ({"lane": -1}, "malformed: lane is -1"),
        ({"lane": True}, "malformed: lane is true"),
        ({"continuation": "3"}, 'malformed: continuation is "3"'),
        ({"continuation": 10**400}, "malformed: continuation is 1000"),
    ],
)
def test_a_wrong_table_message_has_a_precise_reason(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        receive.table_message(carrying(TABLE_BODY | change))
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"version": 1}, "unknown_kind: null"),
        ({"version": 1, "kind": "hourly"}, 'unknown_kind: "hourly", not daily, sweep, manual, table_finished'),
        ({"version": 1, "kind": ["daily"]}, "unknown_kind"),
        ({"version": 1, "kind": "daily", "scheduled_for": "2025-06-02T06:00:00"}, "malformed: scheduled_for is"),
        ({"version": 1, "kind": "daily", "scheduled_for": 5}, "malformed: scheduled_for is 5"),
        ({"version": 1, "kind": "daily", "scheduled_for": "9999-12-31T23:00:00Z"}, "outside of the years"),
        (b"\xff\xfe", "malformed: the message is not JSON"),
        (b"", "malformed: the message is not JSON"),
        (b"null", "malformed: the message is not a JSON object"),
        (b'{"version":' * 50_000, "malformed: the message is not JSON"),
    ],
)
def test_a_wrong_schedule_message_has_a_precise_reason(body: object, reason: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        receive.schedule_message(carrying(body))
    assert reason in caught.value.reason


@given(data=st.binary())
def test_no_bytes_break_the_readers(data: bytes) -> None:
    for read in (receive.table_message, receive.schedule_message):
        with pytest.raises(InvalidMessage):
            read(carrying(data))
    with pytest.raises(InvalidMessage):
        receive.delivery(data, {})


def test_poison_is_dead_lettered_once_for_all_and_acknowledged() -> None:
    bus = RecordingBus()

    def handle(delivery: Delivery) -> str:
        receive.table_message(delivery)
        return "done"

    text, status = answer(push(b'{"version":9}'), {}, bus=bus, handle=handle)
    assert (text, status) == ("dead-lettered: unknown_version: 9, only 1 is known", 200)
    (owed,) = bus.messages
    assert owed.topic == "refresh-dead-letter"
    again = Delivery(
        message_id="5",
        data=json.dumps(owed.payload).encode(),
        attributes=owed.attributes,
        published_at=None,
    )
    assert dead_letter.is_dead_letter(again)
    letter = dead_letter.read(again)
    assert letter.reason == "unknown_version: 9, only 1 is known"
    assert letter.payload == '{"version":9}'
    assert letter.message_id == "77@2025-06-02T04:00:01.500000+00:00"
    assert letter.source == "projects/p/subscriptions/refresh-generic-push"


@pytest.mark.parametrize("error", [RetryLater("busy"), KeyError("bug")])
def test_trouble_is_answered_so_that_pubsub_delivers_again(error: Exception) -> None:
    def handle(delivery: Delivery) -> str:
        raise error

    assert answer(push(b"{}"), {}, bus=RecordingBus(), handle=handle)[1] == 503


def test_poison_that_cannot_be_put_aside_is_delivered_again() -> None:
    def handle(delivery: Delivery) -> str:
        raise InvalidMessage("no")

    assert answer(push(b"{}"), {}, bus=RecordingBus(down=True), handle=handle)[1] == 503


def test_a_request_that_is_no_delivery_is_refused() -> None:
    assert answer(b"hello", {}, bus=RecordingBus(), handle=lambda _: "done")[1] == 400


def test_pubsubs_own_dead_letters_keep_their_origin() -> None:
    delivery = Delivery(
        message_id="9",
        data=b'{"version":1,"kind":"daily"}\x00\xff',
        attributes={
            "CloudPubSubDeadLetterSourceSubscription": "refresh-schedule-push",
            "CloudPubSubDeadLetterSourceDeliveryCount": "5",
            "CloudPubSubDeadLetterSourceTopicPublishTime": "2025-06-02T04:00:01.5Z",
        },
        published_at=datetime(2025, 6, 2, 5, tzinfo=UTC),
        subscription="projects/p/subscriptions/refresh-dead-letter-push",
    )
    assert dead_letter.is_dead_letter(delivery)
    letter = dead_letter.read(delivery)
    assert letter.reason == "delivery_attempts_exhausted"
    assert letter.source == "refresh-schedule-push"
    assert letter.published_at == "2025-06-02T04:00:01.5Z"
    assert letter.payload == '{"version":1,"kind":"daily"}\\x00\\xff'


@pytest.mark.parametrize("body", [b"", b"[]", b'{"reason":5}', b'{"message_id":"1","reason":2}', b"\xff"])
def test_a_broken_dead_letter_is_still_read(body: bytes) -> None:
    delivery = Delivery(message_id="9", data=body, attributes={"refresh_dead_letter": "poison"}, published_at=None)
    assert dead_letter.read(delivery).message_id == "9"


def test_the_subscription_tells_schedule_messages_from_dead_letters_whatever_the_attributes_say() -> None:
    delivery = Delivery(
        message_id="9",
        data=b"{}",
        attributes={"refresh_dead_letter": "poison"},
        published_at=None,
        subscription="projects/p/subscriptions/refresh-schedule-push",
    )
    assert not dead_letter.is_dead_letter(delivery)
