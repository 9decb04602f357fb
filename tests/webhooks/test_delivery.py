"""Every delivery's way: at least once, the same id each time, by the standard's schedule, and an end to it."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from shared.domain.errors import InvalidMessage, NotSent
from shared.domain.webhooks import WebhookRequest, WebhookResponse
from shared.messaging.notifier_calls import call_notifier_if_due
from shared.planning.delivery import MAX_ATTEMPTS
from tests.support.raw_receiver import RawReceiver, status
from tests.support.webhooks import Webhooks, event, pushed

DAY = 24 * 3600.0
SCHEDULE = [5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0]


class CountingSender:
    """A `WebhookSender` that never gets an answer."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def post(self, request: WebhookRequest) -> WebhookResponse:
        self.ids.append(request.headers["webhook-id"])
        raise NotSent("nobody is there", reason="connect")


def test_an_event_is_delivered_whole(webhooks: Webhooks, receiver: RawReceiver) -> None:
    webhooks.add(receiver.url())
    body = event()
    webhooks.notifier.handle(pushed(body))
    (posted,) = receiver.requests
    assert json.loads(posted.body) == body | {"timestamp": body["occurred_at"]}
    assert posted.headers["webhook-id"] == body["id"]
    assert posted.headers["content-type"] == "application/json"
    delivery = webhooks.delivery()
    assert (delivery["state"], delivery["attempt"], delivery["response_status"]) == ("delivered", 1, 204)
    assert delivery["next_attempt_at"] is None
    assert delivery["lease_until"] is None


def test_the_same_message_twice_is_one_delivery(webhooks: Webhooks, receiver: RawReceiver) -> None:
    webhooks.add(receiver.url())
    message = pushed(event())
    assert webhooks.notifier.handle(message) == "owed to 1 endpoints"
    assert webhooks.notifier.handle(message) == "owed to 0 endpoints"
    assert len(receiver.requests) == 1


def test_the_schedule_is_the_standards_and_every_attempt_has_the_same_id(webhooks: Webhooks) -> None:
    sender = CountingSender()
    webhooks.notifier = webhooks.new_notifier(sender=sender)
    webhooks.add("https://example.com/hook")
    event_id = webhooks.announce()
    waits = []
    while webhooks.delivery()["state"] == "pending":
        waits.append(webhooks.delivery()["wait"])
        webhooks.deliver_due()
        assert len(sender.ids) == len(waits), "nothing is sent before its time"
        webhooks.move_time(waits[-1] + 1)
        webhooks.deliver_due()
    assert waits == pytest.approx(SCHEDULE, abs=2)
    assert sender.ids == [str(event_id)] * MAX_ATTEMPTS
    assert webhooks.delivery()["state"] == "failed"
    assert webhooks.delivery()["error"] == "connect: nobody is there; given up after 10 attempts"


def test_a_receiver_that_comes_back_sees_each_event_once(webhooks: Webhooks, receiver: RawReceiver) -> None:
    receiver.behave = status(503, body=b"closed for the day")
    webhooks.add(receiver.url())
    announced = {webhooks.announce() for _ in range(5)}
    assert webhooks.states() == ["pending"] * 5
    assert {row["response_excerpt"] for row in webhooks.run("SELECT * FROM refresh.webhook_delivery")} == {
        "closed for the day"
    }
    receiver.requests.clear()
    receiver.behave = status(200)
    webhooks.move_time(10)
    webhooks.deliver_due()
    webhooks.move_time(DAY)
    webhooks.deliver_due()
    assert {UUID(one.headers["webhook-id"]) for one in receiver.requests} == announced
    assert len(receiver.requests) == 5
    assert webhooks.endpoints.all()[0].failing_since is None


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (200, "delivered"),
        (201, "delivered"),
        (299, "delivered"),
        (301, "pending"),
        (307, "pending"),
        (400, "pending"),
        (401, "pending"),
        (404, "pending"),
        (409, "pending"),
        (429, "pending"),
        (500, "pending"),
        (504, "pending"),
    ],
)
def test_only_2xx_is_delivered_and_the_rest_is_tried_again(
    webhooks: Webhooks, receiver: RawReceiver, code: int, state: str
) -> None:
    receiver.behave = status(code)
    webhooks.add(receiver.url())
    webhooks.announce()
    delivery = webhooks.delivery()
    assert (delivery["state"], delivery["response_status"]) == (state, code)
    if state == "pending":
        assert delivery["wait"] == pytest.approx(5, abs=0.5)
        assert delivery["error"].startswith(f"answered {code}")


def test_410_disables_the_endpoint_and_says_so(webhooks: Webhooks, receiver: RawReceiver) -> None:
    receiver.behave = status(503)
    endpoint, _ = webhooks.add(receiver.url())
    webhooks.announce()
    receiver.behave = status(410)
    webhooks.announce()
    read = webhooks.endpoints.read(endpoint.endpoint_id)
    assert (read.state, read.disabled_reason) == ("disabled", "the receiver answered 410 Gone")
    assert webhooks.states() == ["failed", "failed"]
    assert webhooks.audit()[-1] == ("webhook_disabled", "notifier")
    before = len(receiver.requests)
    webhooks.announce()
    webhooks.move_time(DAY)
    webhooks.deliver_due()
    assert len(receiver.requests) == before
    assert webhooks.states() == ["failed"] * 3, "what a disabled endpoint missed is kept to be sent again"


def test_an_endpoint_that_fails_for_five_days_is_disabled_and_reported(
    webhooks: Webhooks, receiver: RawReceiver
) -> None:
    receiver.behave = status(500)
    endpoint, _ = webhooks.add(receiver.url())
    webhooks.announce()
    webhooks.move_time(4.9 * DAY)
    webhooks.deliver_due()
    assert webhooks.endpoints.read(endpoint.endpoint_id).state == "enabled"
    webhooks.move_time(0.2 * DAY)
    webhooks.announce()
    read = webhooks.endpoints.read(endpoint.endpoint_id)
    assert (read.state, read.disabled_reason) == ("disabled", "nothing could be delivered for 5 days")
    assert webhooks.audit()[-1] == ("webhook_disabled", "notifier")
    assert set(webhooks.states()) == {"failed"}


def test_one_success_within_the_five_days_starts_them_anew(webhooks: Webhooks, receiver: RawReceiver) -> None:
    endpoint, _ = webhooks.add(receiver.url())
    for code in (500, 200, 500):
        receiver.behave = status(code)
        webhooks.announce()
        webhooks.move_time(2.6 * DAY)
    webhooks.deliver_due()
    assert webhooks.endpoints.read(endpoint.endpoint_id).state == "enabled"


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("Retry-After: 120", 120),
        ("Retry-After: 0", 5),
        ("Retry-After: 999999999999999999999", DAY),
        ("Retry-After: -1", 5),
        ("Retry-After: soon", 5),
        ("Retry-After: Wed, 21 Oct 2099 07:28:00 GMT", DAY),
        ("Retry-After: Wed, 21 Oct 2015 07:30:00 GMT\r\nDate: Wed, 21 Oct 2015 07:28:00 GMT", 120),
        ("Retry-After: Wed, 21 Oct 2015 07:30:00 GMT", 5),
        ("Retry-After: Wed, 99 Foo 2015 99:99:99 GMT", 5),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 +99999999999999999999", 5),
        ("Retry-After: Wed, 21 Oct 2015 99999999999999999999:00:00 GMT", 5),
        ("Retry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\nDate: Wed, 21 Oct 2015 07:28:00 +99999999999999999999", DAY),
    ],
)
def test_retry_after_is_honoured_within_bounds(
    webhooks: Webhooks, receiver: RawReceiver, header: str, wait: float
) -> None:
    receiver.behave = status(429, header)
    webhooks.add(receiver.url())
    webhooks.announce()
    assert webhooks.delivery()["wait"] == pytest.approx(wait, abs=1)


def test_retry_after_holds_for_the_endpoints_other_events_too(webhooks: Webhooks, receiver: RawReceiver) -> None:
    receiver.behave = status(429, "Retry-After: 600")
    webhooks.add(receiver.url())
    webhooks.announce()
    webhooks.announce()
    assert len(receiver.requests) == 1
    receiver.behave = status(204)
    webhooks.move_time(601)
    webhooks.deliver_due()
    assert webhooks.states() == ["delivered"] * 2


@pytest.mark.parametrize(
    ("events", "tables", "reaches"),
    [
        ((), (), True),
        (("refresh.completed",), (), True),
        (("refresh.failed", "refresh.held"), (), False),
        ((), ("sqp.*",), True),
        ((), ("sqp.asin_weekly",), True),
        ((), ("*.asin*",), True),
        ((), ("sqp.asinXweekly",), False),
        ((), ("sqp.%",), False),
        ((), ("public.*", "*"), True),
        (("refresh.completed",), ("public.*",), False),
    ],
)
def test_filters(
    webhooks: Webhooks, receiver: RawReceiver, events: tuple[str, ...], tables: tuple[str, ...], reaches: bool
) -> None:
    webhooks.add(receiver.url(), events=events, tables=tables)
    webhooks.announce()
    assert len(receiver.requests) == int(reaches)


def test_an_endpoint_gets_nothing_from_before_its_time(webhooks: Webhooks, receiver: RawReceiver) -> None:
    webhooks.add(receiver.url())
    webhooks.announce(occurred_at="2020-01-01T00:00:00Z")
    assert receiver.requests == []


def test_an_event_without_a_table_reaches_those_without_a_filter(webhooks: Webhooks, receiver: RawReceiver) -> None:
    webhooks.add(receiver.url("127.0.0.1", "/all"))
    webhooks.add(receiver.url("127.0.0.1", "/some"), tables=("sqp.*",))
    webhooks.announce(table=None)
    assert [one.line for one in receiver.requests] == ["POST /all HTTP/1.1"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"id": "1"}, "id is"),
        ({"type": "Refresh"}, "type is"),
        ({"type": None}, "type is"),
        ({"occurred_at": "today"}, "occurred_at is"),
        ({"table": "asin"}, "schema.name"),
        ({"version": 2}, "unknown_version"),
        ({"version": 1, "kind": "deliver_all"}, "unknown_kind"),
        ({"data": {"text": "a\0b"}}, "cannot be stored"),
    ],
)
def test_poison_is_refused_with_its_reason(webhooks: Webhooks, fields: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidMessage, match=problem):
        webhooks.notifier.handle(pushed(event(**fields)))


def test_the_sweep_calls_the_notifier_only_when_something_is_due(webhooks: Webhooks, receiver: RawReceiver) -> None:
    receiver.behave = status(500)
    webhooks.add(receiver.url())
    webhooks.announce()
    assert not call_notifier_if_due(webhooks.store, webhooks.bus)
    webhooks.move_time(6)
    assert call_notifier_if_due(webhooks.store, webhooks.bus)
    assert [(one.topic, one.payload) for one in webhooks.bus.messages] == [
        ("refresh-deliveries", {"version": 1, "kind": "deliver_due"})
    ]


def test_old_deliveries_and_spent_secrets_are_removed(webhooks: Webhooks, receiver: RawReceiver) -> None:
    endpoint, _ = webhooks.add(receiver.url())
    webhooks.announce()
    webhooks.endpoints.rotate_secret(endpoint.endpoint_id, actor="tester", overlap_hours=1)
    cleaned = "SELECT refresh.cleanup_webhooks(as_of => now() + interval '{}') AS removed"
    assert webhooks.run(cleaned.format("29 days"))[0]["removed"] == {"webhook_deliveries": 0, "webhook_secrets": 1}
    assert webhooks.run(cleaned.format("31 days"))[0]["removed"] == {"webhook_deliveries": 1, "webhook_secrets": 0}
