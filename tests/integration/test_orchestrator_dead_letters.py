"""Dead letters are recorded once, and owed again within bounds while their work is not done."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.domain.messages import Delivery
from shared.messaging import dead_letter
from tests.support.control_plane import DAY, ControlPlane, RecordingBus

DEAD_LETTERS = "refresh-dead-letter-push"
RECORDED = "SELECT topic, reason, payload, attributes, run_id, table_name FROM refresh.refresh_dead_letter"


@pytest.fixture
def planned(plane: ControlPlane) -> ControlPlane:
    """One run with the table a, whose first message is on the bus."""
    plane.register("a")
    plane.daily()
    return plane


def forwarded(plane: ControlPlane, payload: bytes, *, source: str = "refresh-generic-push", **fields: Any) -> str:
    """Deliver what Pub/Sub itself has dead-lettered."""
    attributes = {
        "CloudPubSubDeadLetterSourceSubscription": source,
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
        "CloudPubSubDeadLetterSourceTopicPublishTime": (DAY + timedelta(seconds=2)).isoformat(),
    }
    return plane.deliver(
        payload, subscription=DEAD_LETTERS, attributes=attributes | fields.pop("attributes", {}), **fields
    )


def work(plane: ControlPlane, table: str = "a") -> bytes:
    (run,) = plane.run("SELECT run_id FROM refresh.refresh_run")
    return message(run["run_id"], table)


def message(run_id: UUID, table: str) -> bytes:
    body = {"version": 1, "run_id": str(run_id), "table": f"public.{table}", "lane": 0, "continuation": 0}
    return json.dumps(body).encode()


def test_a_given_up_table_message_is_recorded_and_owed_again(planned: ControlPlane) -> None:
    payload = work(planned)
    assert forwarded(planned, payload) == "recorded and owed again"
    (letter,) = planned.run(RECORDED)
    assert (letter["topic"], letter["reason"]) == ("refresh-generic", "delivery_attempts_exhausted")
    assert (letter["payload"], letter["table_name"]) == (payload.decode(), "a")
    assert letter["attributes"]["CloudPubSubDeadLetterSourceDeliveryCount"] == "100"
    assert planned.bus.tables() == ["public.a", "public.a"]


def test_the_same_dead_letter_twice_is_one(planned: ControlPlane) -> None:
    for _ in range(2):
        outcome = forwarded(planned, work(planned), message_id="5")
    assert outcome == "recorded before"
    assert len(planned.run(RECORDED)) == 1
    assert len(planned.bus.tables()) == 2


def test_an_emulator_that_counts_its_ids_anew_hides_nothing(planned: ControlPlane) -> None:
    forwarded(planned, work(planned), message_id="5")
    forwarded(planned, work(planned), message_id="5", published_at=DAY + timedelta(hours=1))
    assert len(planned.run(RECORDED)) == 2


def test_owing_again_is_bounded_and_ends_in_failure(planned: ControlPlane) -> None:
    outcomes = [forwarded(planned, work(planned)) for _ in range(11)]
    assert outcomes[:9] == ["recorded and owed again"] * 9
    assert outcomes[9] == "recorded; its task has failed"
    assert outcomes[10].startswith("recorded; its task has ended")
    assert planned.tasks() == {"a": "failed attempts_exhausted"}
    planned.deliver_owed()
    assert planned.run("SELECT status FROM refresh.refresh_run") == [{"status": "failed"}]


def test_attempts_of_the_task_count_too(planned: ControlPlane) -> None:
    planned.claim("a", lease=-1)
    planned.change("a", "attempt = 10")
    assert forwarded(planned, work(planned)) == "recorded; its task has failed"


@pytest.mark.parametrize("slices", [False, True])
def test_a_task_that_is_worked_on_is_left_alone_whatever_its_attempts(planned: ControlPlane, slices: bool) -> None:
    planned.claim("a")
    if slices:
        planned.slice("a", 0, "running", lease_until="now() + interval '1 minute'")
    planned.change("a", "attempt = 99")
    assert forwarded(planned, work(planned)).startswith("recorded; its task has ended, is worked on")
    assert planned.tasks() == {"a": "running"}
    assert planned.bus.tables() == ["public.a"]


def test_the_message_of_an_ended_or_unknown_task_is_only_recorded(planned: ControlPlane) -> None:
    planned.finish("a")
    for payload in (work(planned), message(uuid4(), "nowhere")):
        assert forwarded(planned, payload).startswith("recorded; its task has ended")
    assert len(planned.run(RECORDED)) == 2
    assert planned.bus.tables() == ["public.a"]


def test_poison_of_a_worker_arrives_with_its_reason(plane: ControlPlane) -> None:
    bus = RecordingBus()
    poison = Delivery(
        message_id="1",
        data=b'{"version":2}\x00\xff',
        attributes={"traceparent": "00-\x00"},
        published_at=DAY,
        subscription="projects/p/subscriptions/refresh-asin-push",
    )
    for _ in range(2):
        dead_letter.send(bus, poison, "unknown_version: 2")
    for owed in bus.messages:
        plane.deliver(json.dumps(owed.payload).encode(), subscription=DEAD_LETTERS, attributes=owed.attributes)
    (letter,) = plane.run(RECORDED)
    assert (letter["topic"], letter["reason"]) == ("refresh-asin", "unknown_version: 2")
    assert letter["payload"] == '{"version":2}\\x00\\xff'
    assert letter["run_id"] is None


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff\xfe", b"[" * 100_000, b'{"a":"\\ud800\\u0000"}'])
@pytest.mark.parametrize("attributes", [{}, {"refresh_dead_letter": "poison"}, {"odd": "\x00\ud800"}])
def test_whatever_a_dead_letter_holds_it_is_recorded(
    plane: ControlPlane, payload: bytes, attributes: dict[str, str]
) -> None:
    assert forwarded(plane, payload, attributes=attributes) == "recorded"
    assert len(plane.run(RECORDED)) == 1


def test_a_forged_dead_letter_is_recorded(plane: ControlPlane) -> None:
    forged = {"message_id": "9" * 9_999, "reason": "r", "subscription": "s", "payload": "p", "attributes": {}}
    for published_at in (5, None, "yesterday"):
        body = json.dumps(forged | {"published_at": published_at}).encode()
        plane.deliver(body, subscription=DEAD_LETTERS, attributes={"refresh_dead_letter": "poison"})
    assert len(plane.run(RECORDED)) == 2


def test_a_daily_trigger_that_was_given_up_is_owed_again_for_its_instant_until_the_next_day(
    plane: ControlPlane,
) -> None:
    (now,) = plane.run("SELECT now() AS now")
    published: datetime = now["now"] - timedelta(hours=1)
    attributes = {"CloudPubSubDeadLetterSourceTopicPublishTime": published.isoformat()}
    daily = b'{"version":1,"kind":"daily"}'
    assert forwarded(plane, daily, source="refresh-schedule-push", attributes=attributes) == "recorded and owed again"
    (owed,) = plane.bus.of_topic("refresh-schedule")
    instant = datetime.fromisoformat(owed.payload["scheduled_for"])
    assert timedelta(0) <= published - instant < timedelta(days=1)
    assert forwarded(plane, daily, source="refresh-schedule-push") == "recorded; a day old"


@pytest.mark.parametrize("kind", ["sweep", "manual", "table_finished"])
def test_other_messages_of_the_schedule_are_made_up_for_by_the_sweep(plane: ControlPlane, kind: str) -> None:
    body = {"version": 1, "kind": kind, "run_id": str(uuid4()), "table": "public.a"}
    assert forwarded(plane, json.dumps(body).encode(), source="refresh-schedule-push") == "recorded"
    assert plane.bus.messages == []
