"""Verifications by schedule: once for each instant, of what has been published, by whichever sweep comes first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.orchestration.verifications import ask_for_verification
from shared.planning.schedule import Schedule
from tests.support.control_plane import SNAPSHOT, ControlPlane

_HOURLY = Schedule(cron="0 * * * *", zone=ZoneInfo("UTC"))


@pytest.fixture
def plane(migrated_url: str) -> Iterator[ControlPlane]:
    plane = ControlPlane(migrated_url)
    plane.run("DELETE FROM refresh.refresh_table_registry")
    yield plane
    plane.store.close()


def _published(plane: ControlPlane, *names: str) -> None:
    plane.run(
        "UPDATE refresh.refresh_table_registry SET scanned_snapshot_at = :at WHERE table_name = ANY (:names)",
        at=SNAPSHOT,
        names=list(names),
    )


def test_it_is_asked_for_once_an_instant(plane: ControlPlane) -> None:
    plane.register("a")
    _published(plane, "a")
    assert ask_for_verification(plane.store, _HOURLY)
    assert not ask_for_verification(plane.store, _HOURLY)
    plane.deliver_owed()
    assert plane.tasks() == {"a": "queued"}
    assert plane.run("SELECT mode FROM refresh.refresh_task") == [{"mode": "verify"}]
    (run,) = plane.run("SELECT trigger, requested_by, idempotency_key FROM refresh.refresh_run")
    assert (run["trigger"], run["requested_by"]) == ("schedule", "schedule")
    assert run["idempotency_key"].startswith("schedule:verify:")


def test_only_what_is_live_and_published_and_not_left_out_is_verified(plane: ControlPlane) -> None:
    plane.register("good", "new", "off")
    plane.register("dear", checks='{"verify": {"outcome": "off"}}')
    _published(plane, "good", "off", "dear")
    plane.run("UPDATE refresh.refresh_table_registry SET mode = 'disabled' WHERE table_name = 'off'")
    assert ask_for_verification(plane.store, _HOURLY)
    plane.deliver_owed()
    assert set(plane.tasks()) == {"good"}


def test_where_nothing_is_published_nothing_is_asked_for(plane: ControlPlane) -> None:
    plane.register("new")
    assert not ask_for_verification(plane.store, _HOURLY)
    assert plane.run("SELECT FROM refresh.refresh_run") == []


def test_an_instant_long_ago_is_let_go(plane: ControlPlane) -> None:
    plane.register("a")
    _published(plane, "a")
    yesterday = datetime.now(UTC) - timedelta(hours=24)
    daily = Schedule(cron=f"{yesterday.minute} {yesterday.hour} {yesterday.day} * *", zone=ZoneInfo("UTC"))
    assert not ask_for_verification(plane.store, daily)


def test_a_verification_is_in_nobodys_way(plane: ControlPlane) -> None:
    plane.register("a")
    plane.register("b")
    plane.depend("b", "a")
    _published(plane, "a", "b")
    ask_for_verification(plane.store, _HOURLY)
    plane.deliver_owed()
    assert set(plane.bus.tables()) == {"public.a", "public.b"}
    plane.daily()
    plane.deliver_owed()
    live = plane.run("SELECT table_name FROM refresh.refresh_task WHERE mode = 'live' ORDER BY 1")
    assert [row["table_name"] for row in live] == ["a", "b"]
