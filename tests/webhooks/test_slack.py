"""Events as Slack shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.webhooks import EVENT_TYPES, EndpointKind
from shared.webhooks.slack import slack_message
from tests.support.raw_receiver import RawReceiver, status
from tests.support.webhooks import Webhooks, event


def text_of(payload: dict[str, Any]) -> str:
    message = slack_message(payload)
    return str(message["blocks"][0]["text"]["text"])


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_every_event_has_words_of_its_own(kind: str) -> None:
    message = slack_message(event(type=kind))
    assert message["text"].startswith("*sqp.asin_weekly* ")
    assert kind not in message["text"]


def test_what_went_wrong_and_how_much_moved() -> None:
    data = {"outcome": "failed", "reason": "snapshot_lost", "error": "line <1> & `2`", "rows_inserted": 1200}
    assert text_of(event(type="refresh.failed", data=data)).splitlines() == [
        ":red_circle: *sqp.asin_weekly* failed: readers still see the data from before",
        "Reason: `snapshot_lost`",
        "```line &lt;1&gt; &amp; '2'```",
        "Rows: 1,200 inserted",
    ]


def test_what_is_stale_says_since_when_or_what_has_not_come() -> None:
    old = {"data_as_of": "2025-06-01T04:00:00.000000Z", "frequency_hours": 24, "next_refresh_at": None}
    assert text_of(event(type="data.stale", data=old)).splitlines()[1:] == [
        "Its data is of 2025-06-01T04:00:00.000000Z"
    ]
    report = {"client_id": "c1", "marketplace_id": "US", "report_period": "WEEK", "period_start": "2025-01-05"}
    assert text_of(event(type="data.stale", data=report)).splitlines()[1:] == [
        "A report has not come: c1 US WEEK 2025-01-05"
    ]


def test_nobody_is_mentioned_and_nothing_linked_by_an_events_text() -> None:
    hostile = "<!channel> <@U1> <https://evil.example|click>"
    message = json.dumps(slack_message(event(table=None, data={"message": hostile, "error": hostile})))
    assert "<" not in message


def test_a_skipped_table_is_called_so() -> None:
    assert "was skipped" in text_of(event(type="refresh.warning", data={"outcome": "skipped", "reason": "disabled"}))


def test_a_long_error_is_cut() -> None:
    assert len(text_of(event(type="refresh.failed", data={"error": "x" * 100_000}))) < 1000


def test_slack_gets_a_message_and_is_sent_one_at_a_time(webhooks: Webhooks, receiver: RawReceiver) -> None:
    endpoint, _ = webhooks.add(receiver.url(path="/services/T/B/secret"), kind=EndpointKind.SLACK)
    webhooks.announce(type="refresh.completed")
    assert receiver.requests == []
    receiver.behave = status(429, "Retry-After: 1")
    for _ in range(3):
        webhooks.announce(type="refresh.held")
    assert len(receiver.requests) == 1
    assert receiver.requests[0].line == "POST /services/T/B/secret HTTP/1.1"
    assert json.loads(receiver.requests[0].body)["text"].endswith("is held: nothing was published")
    assert "secret" not in endpoint.url.removesuffix("cret")
