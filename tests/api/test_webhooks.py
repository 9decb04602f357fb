"""Webhooks over HTTP: every call, every error, and who did it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared import wiring
from shared.adapters.secretbox import new_key
from tests.api.conftest import VIEWER, Api
from tests.support.raw_receiver import RawReceiver, status

HOOKS = "/api/refresh/webhooks"
URL = "https://hooks.example.com/refresh"
_CACHED = (wiring.endpoint_secrets, wiring.notifier)


class Hooks:
    """The calls, on the real application with the real notifier."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def __call__(self, method: str, path: str = "", *, expect: int, **rest: Any) -> dict[str, Any]:
        response = self.api(method, f"{HOOKS}{path}", **rest)
        assert response.status_code == expect, response.text
        body: dict[str, Any] = response.get_json()
        if expect >= 400:
            assert response.mimetype == "application/problem+json"
            assert body["status"] == expect
        return body

    def create(self, url: str = URL, **fields: Any) -> dict[str, Any]:
        return self("POST", json={"url": url} | fields, expect=201)

    def notify(self) -> None:
        """Give the notifier what is owed to it, as Pub/Sub would."""
        from tests.support.webhooks import pushed

        for one in self.api.plane.bus.of_topic("refresh-deliveries"):
            wiring.notifier().handle(pushed(one.payload))

    def trail(self) -> list[tuple[str, str]]:
        rows = self.api.plane.run(
            "SELECT event, details ->> 'by' AS by FROM refresh.refresh_audit_log WHERE event LIKE 'webhook%'"
            " ORDER BY audit_id"
        )
        return [(row["event"], row["by"]) for row in rows]


@pytest.fixture
def hooks(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooks]:
    monkeypatch.setenv("WEBHOOK_SECRET_KEY", new_key())
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setenv("REFRESH_WEBHOOK_ALLOW_LOOPBACK", "127.0.0.1:*")
    for made in (wiring.settings, *_CACHED):
        made.cache_clear()
    yield Hooks(api)
    for made in _CACHED:
        made.cache_clear()


def test_the_life_of_an_endpoint(hooks: Hooks) -> None:
    made = hooks.create(events=["refresh.failed"], tables=["sqp.*"], description="on call")
    assert made["secret"].startswith("whsec_")
    path = f"/{made['endpoint_id']}"
    read = hooks("GET", path, expect=200)
    assert read == {name: value for name, value in made.items() if name != "secret"}
    assert hooks("GET", expect=200)["items"] == [read]
    changed = hooks("PUT", path, json={"events": [], "description": "all of it"}, expect=200)
    assert (changed["events"], changed["description"], changed["tables"]) == ([], "all of it", ["sqp.*"])
    assert changed["version"] == read["version"] + 1
    assert hooks("PUT", path, json={}, expect=200)["version"] == changed["version"], "nothing to change is no change"
    rotated = hooks("POST", f"{path}/rotate-secret", json={}, expect=200)
    assert rotated["secret"] not in ("", made["secret"])
    assert rotated["previous_secret_until"] is not None
    assert hooks("DELETE", path, expect=200)["endpoint_id"] == made["endpoint_id"]
    hooks("GET", path, expect=404)
    who = "local:operator"
    assert hooks.trail() == [
        ("webhook_created", who),
        ("webhook_changed", who),
        ("webhook_secret_rotated", who),
        ("webhook_deleted", who),
    ]


def test_a_lost_race_is_told(hooks: Hooks) -> None:
    path = f"/{hooks.create()['endpoint_id']}"
    etag = hooks.api("GET", f"{HOOKS}{path}").headers["ETag"]
    hooks("PUT", path, json={"description": "first"}, headers={"If-Match": etag}, expect=200)
    hooks("PUT", path, json={"description": "second"}, headers={"If-Match": etag}, expect=412)
    hooks("DELETE", path, headers={"If-Match": etag}, expect=412)
    hooks("PUT", path, json={"description": "third"}, headers={"If-Match": "*"}, expect=200)
    hooks("PUT", path, json={}, headers={"If-Match": "W/whatever"}, expect=412)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "url"),
    ({"url": ""}, "url"),
    ({"url": "http://hooks.example.com.\\@inside/"}, "url"),
    ({"url": "https://10.0.0.1/"}, "url"),
    ({"url": "https://[64:ff9b::a9fe:a9fe]/"}, "url"),
    ({"url": "https://hooks.example.com:22/"}, "url"),
    ({"url": URL, "events": ["refresh.exploded"]}, "events.0"),
    ({"url": URL, "events": "refresh.failed"}, "events"),
    ({"url": URL, "tables": ["no dot"]}, "tables.0"),
    ({"url": URL, "tables": ["a\0.b"]}, "tables.0"),
    ({"url": URL, "kind": "carrier pigeon"}, "kind"),
    ({"url": URL, "description": "x" * 501}, "description"),
    ({"url": URL, "secret": "mine"}, "secret"),
]


def test_what_is_refused_is_named(hooks: Hooks) -> None:
    for body, field in REFUSED:
        problem = hooks("POST", json=body, expect=422)
        assert [one["field"] for one in problem["errors"]] == [field], body
    assert hooks("GET", expect=200)["items"] == []


CALLS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "", None),
    ("PUT", "", {}),
    ("DELETE", "", None),
    ("POST", "/rotate-secret", {}),
    ("POST", "/test", None),
    ("GET", "/deliveries", None),
    ("GET", "/deliveries/00000000-0000-4000-8000-000000000000", None),
    ("POST", "/deliveries/00000000-0000-4000-8000-000000000000/redeliver", None),
    ("POST", "/recover", {"since": "2025-01-01T00:00:00Z"}),
]


def test_what_does_not_exist(hooks: Hooks) -> None:
    for method, path, body in CALLS:
        problem = hooks(method, f"/{uuid4()}{path}", json=body, expect=404)
        assert problem["type"] == "urn:refresh:problem:not_found"
    hooks("POST", f"/{hooks.create()['endpoint_id']}/deliveries/{uuid4()}/redeliver", expect=404)


def test_a_viewer_reads_and_changes_nothing(hooks: Hooks) -> None:
    made = hooks.create()["endpoint_id"]
    for method, path, _ in [("POST", None, None), *CALLS]:
        if method != "GET":
            hooks(method, "" if path is None else f"/{made}{path}", json={}, token=VIEWER, expect=403)
    assert hooks("GET", f"/{made}", token=VIEWER, expect=200)["version"] == 1
    assert len(hooks.trail()) == 1


def test_a_test_event_arrives_and_can_be_sent_again(hooks: Hooks) -> None:
    with RawReceiver() as receiver:
        path = f"/{hooks.create(receiver.url(), events=['refresh.failed'])['endpoint_id']}"
        owed = hooks("POST", f"{path}/test", expect=202)
        hooks.notify()
        delivery = hooks.api.get(owed["url"])
        assert (delivery["state"], delivery["event_type"], delivery["attempt"]) == ("delivered", "webhook.test", 1)
        hooks("POST", f"{path}/deliveries/{owed['delivery_id']}/redeliver", expect=202)
        hooks.notify()
        assert [one.headers["webhook-id"] for one in receiver.requests] == [delivery["event_id"]] * 2
        assert hooks.api.get(owed["url"])["state"] == "delivered"
    assert [event for event, _ in hooks.trail()] == ["webhook_created", "webhook_tested", "webhook_redelivered"]


def test_what_a_disabled_endpoint_missed_is_sent_when_it_is_back(hooks: Hooks) -> None:
    from tests.support.webhooks import event, pushed

    with RawReceiver(status(410)) as receiver:
        path = f"/{hooks.create(receiver.url())['endpoint_id']}"
        missed = [event() for _ in range(3)]
        for one in missed:
            wiring.notifier().handle(pushed(one))
        assert hooks("GET", path, expect=200)["disabled_reason"] == "the receiver answered 410 Gone"
        hooks("POST", f"{path}/test", expect=409)
        failed = hooks("GET", f"{path}/deliveries?state=failed", expect=200)["items"]
        assert {one["event_id"] for one in failed} == {one["id"] for one in missed}
        hooks("POST", f"{path}/deliveries/{failed[0]['delivery_id']}/redeliver", expect=409)
        receiver.behave = status(204)
        receiver.requests.clear()
        assert hooks("PUT", path, json={"state": "enabled"}, expect=200)["state"] == "enabled"
        assert hooks("POST", f"{path}/recover", json={"since": "2025-01-01T00:00:00Z"}, expect=202)["deliveries"] == 3
        hooks.notify()
        assert {one.headers["webhook-id"] for one in receiver.requests} == {one["id"] for one in missed}


def test_disabling_by_hand(hooks: Hooks) -> None:
    path = f"/{hooks.create()['endpoint_id']}"
    disabled = hooks("PUT", path, json={"state": "disabled"}, expect=200)
    assert disabled["disabled_reason"] == "disabled by an operator"
    assert hooks.trail()[-1] == ("webhook_disabled", "local:operator")


def test_deliveries_are_paged(hooks: Hooks) -> None:
    made = hooks.create()["endpoint_id"]
    hooks.api.plane.run(
        "INSERT INTO refresh.webhook_delivery (endpoint_id, event_id, payload, state, created_at)"
        " SELECT :endpoint, gen_random_uuid(), '{\"type\": \"refresh.failed\"}', 'delivered', now()"
        " FROM generate_series(1, 25)",
        endpoint=made,
    )
    seen: list[UUID] = []
    query = "?limit=10"
    while True:
        page = hooks("GET", f"/{made}/deliveries{query}", expect=200)
        seen += [UUID(one["delivery_id"]) for one in page["items"]]
        if page["next"] is None:
            break
        query = f"?limit=10&after={page['next']}"
    assert len(seen) == len(set(seen)) == 25
    hooks("GET", f"/{made}/deliveries?limit=101", expect=422)


def test_slack_shows_neither_its_url_nor_gets_what_went_well(hooks: Hooks) -> None:
    made = hooks.create("https://hooks.slack.com/services/T000/B000/XXXXYYYY", kind="slack")
    assert made["url"] == "https://hooks.slack.com/…YYYY"
    assert "refresh.completed" not in made["events"]
    path = f"/{made['endpoint_id']}"
    kept = hooks("PUT", path, json={"url": made["url"], "description": "team"}, expect=200)
    assert (kept["url"], kept["description"]) == (made["url"], "team")
    moved = hooks("PUT", path, json={"url": "https://hooks.slack.com/services/T000/B000/ZZZZ1234"}, expect=200)
    assert moved["url"] == "https://hooks.slack.com/…1234"


def test_there_is_an_end_to_endpoints(hooks: Hooks) -> None:
    hooks.api.plane.run(
        "INSERT INTO refresh.webhook_endpoint (url, secret)"
        " SELECT 'https://example.com', '' FROM generate_series(1, 50)"
    )
    hooks("POST", json={"url": URL}, expect=409)


def test_without_a_key_nothing_is_kept(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBHOOK_SECRET_KEY")
    wiring.settings.cache_clear()
    wiring.endpoint_secrets.cache_clear()
    hooks("POST", json={"url": URL}, expect=500)
