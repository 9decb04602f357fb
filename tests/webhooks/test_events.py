"""Every kind of event, from what happens to a table to its receiver: by the database's triggers, and by the sweep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from shared.domain.webhooks import EVENT_TYPES
from shared.messaging import outbox
from tests.support.control_plane import ControlPlane
from tests.support.raw_receiver import RawReceiver
from tests.support.webhooks import Webhooks, pushed

WAY: list[tuple[str, str]] = [
    ("success", "refresh.completed"),
    ("no_new_data", "refresh.completed"),
    ("warning", "refresh.warning"),
    ("skipped", "refresh.warning"),
    ("success", "refresh.completed"),
    ("held", "refresh.held"),
    ("held", "refresh.held"),
    ("no_new_data", "refresh.recovered"),
    ("success", "refresh.completed"),
    ("failed", "refresh.failed"),
    ("skipped", "refresh.warning"),
    ("success", "refresh.recovered"),
]
"""How a table's refreshes end, one after the other, and what is told of each."""


@pytest.fixture
def webhooks(migrated_url: str) -> Iterator[Webhooks]:
    """A notifier on a database of the test's own, without any table."""
    webhooks = Webhooks(migrated_url)
    webhooks.run("DELETE FROM refresh.refresh_table_registry")
    webhooks.run("DELETE FROM refresh.refresh_outbox")
    yield webhooks
    webhooks.store.close()


@pytest.fixture
def plane(migrated_url: str, webhooks: Webhooks) -> Iterator[ControlPlane]:
    plane = ControlPlane(migrated_url)
    plane.register("told")
    yield plane
    plane.store.close()


def told(plane: ControlPlane, webhooks: Webhooks) -> None:
    """What is owed goes over the bus to the notifier; what was there before comes once more, and is told once."""
    outbox.flush(plane.store, plane.bus)
    for message in plane.bus.of_topic("refresh-events"):
        webhooks.notifier.handle(pushed(message.payload))


def ended(plane: ControlPlane, webhooks: Webhooks, status: str, *, backfill: bool = False) -> None:
    run = plane.request("told", force=True)
    plane.deliver_owed()
    if backfill:
        plane.run("""UPDATE refresh.refresh_run SET request = '{"backfill": {}}' WHERE run_id = :run""", run=run)
    plane.finish("told", status)
    plane.deliver_owed()
    told(plane, webhooks)


def bodies(receiver: RawReceiver) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in receiver.requests]


def test_each_end_of_a_refresh_is_told_as_what_it_is(
    plane: ControlPlane, webhooks: Webhooks, receiver: RawReceiver
) -> None:
    _, secret = webhooks.add(receiver.url())
    for status, _ in WAY:
        ended(plane, webhooks, status)
    assert [(one["data"]["outcome"], one["type"]) for one in bodies(receiver)] == WAY
    for posted, body in zip(receiver.requests, bodies(receiver), strict=True):
        assert Webhook(secret).verify(posted.body, dict(posted.headers)) == body
        assert posted.headers["webhook-id"] == body["id"]
        assert body["table"] == "public.told"
        assert plane.run("SELECT FROM refresh.refresh_run WHERE run_id = :run", run=body["run_id"])
        assert datetime.fromisoformat(body["occurred_at"]).utcoffset() is not None
        assert body["data"].keys() >= {"outcome", "reason", "error", "rows_inserted", "rows_updated", "rows_deleted"}
    assert len({one["id"] for one in bodies(receiver)}) == len(WAY)


def test_a_backfill_recovers_nothing(plane: ControlPlane, webhooks: Webhooks, receiver: RawReceiver) -> None:
    """It brings a range; what the daily refresh could not do is still to be done."""
    webhooks.add(receiver.url())
    ended(plane, webhooks, "failed")
    ended(plane, webhooks, "success", backfill=True)
    ended(plane, webhooks, "success")
    types = [one["type"] for one in bodies(receiver)]
    assert types == ["refresh.failed", "refresh.completed", "refresh.recovered"]
    ended(plane, webhooks, "failed", backfill=True)
    ended(plane, webhooks, "success")
    assert [one["type"] for one in bodies(receiver)][3:] == ["refresh.failed", "refresh.completed"]


def test_what_becomes_stale_is_told_to_those_who_want_it(
    plane: ControlPlane, webhooks: Webhooks, receiver: RawReceiver
) -> None:
    with RawReceiver() as of_others, RawReceiver() as of_failures:
        webhooks.add(receiver.url(), events=("data.stale",), tables=("public.t*",))
        webhooks.add(of_others.url(), tables=("sqp.*",))
        webhooks.add(of_failures.url(), events=("refresh.failed",))
        ended(plane, webhooks, "failed")
        plane.run("UPDATE refresh.refresh_table_registry SET created_at = now() - interval '2 days'")
        plane.sweep()
        told(plane, webhooks)
        (stale,) = bodies(receiver)
        assert (stale["type"], stale["table"], stale["run_id"]) == ("data.stale", "public.told", None)
        assert stale["data"]["frequency_hours"] == 24
        assert [one["type"] for one in bodies(of_failures)] == ["refresh.failed"]
        assert of_others.requests == []


def test_these_are_all_kinds_of_events() -> None:
    assert {kind for _, kind in WAY} | {"data.stale"} == set(EVENT_TYPES)
