"""Daily and manual runs on a real database: which tables, when due again, and that no message makes two of a run."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest

from shared.domain.errors import InvalidMessage, RetryLater
from shared.domain.messages import Delivery
from tests.support.control_plane import DAY, SNAPSHOT, ControlPlane, CountingStore


def daily_for(instant: datetime) -> bytes:
    return json.dumps({"version": 1, "kind": "daily", "scheduled_for": instant.isoformat()}).encode()


def delivery(instant: datetime) -> Delivery:
    return Delivery(message_id="1", data=daily_for(instant), attributes={}, published_at=DAY)


def next_refresh(plane: ControlPlane, name: str) -> Any:
    rows = plane.run("SELECT next_refresh_at FROM refresh.refresh_table_registry WHERE table_name = :name", name=name)
    return rows[0]["next_refresh_at"]


def test_the_daily_trigger_plans_one_run_with_a_message_per_ready_table(plane: ControlPlane) -> None:
    plane.register("b", "a", priority=50)
    plane.register("z", priority=1)
    plane.register("late", priority=0)
    plane.depend("late", "a")
    plane.daily()
    (run,) = plane.run("SELECT * FROM refresh.refresh_run")
    assert run["idempotency_key"] == "schedule:daily:2025-06-02T04:00:00Z"
    assert run["snapshot_at"] == SNAPSHOT
    assert (run["trigger"], run["status"], run["scheduled_for"]) == ("schedule", "running", DAY)
    assert plane.bus.tables() == ["public.z", "public.a", "public.b"]
    (first, *_) = plane.bus.of_topic("refresh-generic")
    body = {"version": 1, "run_id": str(run["run_id"]), "table": "public.z", "lane": 0, "continuation": 0}
    assert first.payload == body
    assert first.attributes == {"run_id": str(run["run_id"]), "table": "public.z"}
    assert set(plane.tasks().values()) == {"queued"}


def test_a_trigger_delivered_again_or_sent_again_is_the_same_run_and_costs_bigquery_nothing(
    plane: ControlPlane,
) -> None:
    plane.register("a")
    plane.daily()
    for message in range(3):
        plane.daily(message_id="1", published_at=DAY + timedelta(minutes=10 * message))
    assert len(plane.run("SELECT FROM refresh.refresh_run")) == 1
    assert plane.source.asked == 1
    assert plane.bus.tables() == ["public.a"]


def test_the_given_instant_wins_over_the_publish_time(plane: ControlPlane) -> None:
    plane.deliver(daily_for(DAY + timedelta(hours=5)))
    (run,) = plane.run("SELECT scheduled_for FROM refresh.refresh_run")
    assert run["scheduled_for"] == DAY + timedelta(hours=5)


def test_a_daily_trigger_without_any_time_is_refused(plane: ControlPlane) -> None:
    with pytest.raises(InvalidMessage, match="scheduled_for"):
        plane.daily(published_at=None)


def test_two_orchestrators_at_once_make_one_run(plane: ControlPlane) -> None:
    plane.register("a", "b")
    barrier = Barrier(8)

    def trigger(_: int) -> str:
        barrier.wait()
        return plane.daily(message_id="1")

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(trigger, range(8)))
    assert sum(outcome != "planned before" for outcome in outcomes) == 1
    assert len(plane.run("SELECT FROM refresh.refresh_run")) == 1
    assert sorted(plane.bus.tables()) == ["public.a", "public.b"]


def test_a_run_with_nothing_due_ends_at_once(plane: ControlPlane) -> None:
    plane.register("a", next_refresh_at=DAY + timedelta(seconds=1))
    plane.daily()
    (run,) = plane.run("SELECT status FROM refresh.refresh_run")
    assert run["status"] == "success"
    assert plane.tasks() == {}


def test_only_live_tables_are_chosen(plane: ControlPlane) -> None:
    for mode in ("live", "disabled"):
        plane.register(mode, mode=mode)
    plane.daily()
    assert plane.tasks() == {"live": "queued"}


def test_due_is_reckoned_from_the_scheduled_time(plane: ControlPlane) -> None:
    plane.register("daily")
    plane.register("weekly", frequency_hours=168)
    plane.deliver(daily_for(DAY), published_at=DAY + timedelta(minutes=6))
    assert next_refresh(plane, "daily") == DAY + timedelta(days=1)
    assert next_refresh(plane, "weekly") == DAY + timedelta(days=7)
    for name in ("daily", "weekly"):
        plane.finish(name)
    plane.deliver(daily_for(DAY + timedelta(days=1)))
    assert next_refresh(plane, "daily") == DAY + timedelta(days=2)
    assert next_refresh(plane, "weekly") == DAY + timedelta(days=7)
    assert plane.bus.tables() == ["public.daily", "public.weekly", "public.daily"]


def test_a_day_across_the_change_of_the_clocks_keeps_the_local_time(plane: ControlPlane) -> None:
    plane.register("a")
    plane.deliver(daily_for(datetime(2025, 10, 25, 4, tzinfo=UTC)))
    assert next_refresh(plane, "a") == datetime(2025, 10, 26, 5, tzinfo=UTC)


def test_a_late_older_trigger_finds_nothing_due(plane: ControlPlane) -> None:
    plane.register("a")
    plane.deliver(daily_for(DAY))
    plane.deliver(daily_for(DAY - timedelta(days=1)))
    assert plane.bus.tables() == ["public.a"]
    assert next_refresh(plane, "a") == DAY + timedelta(days=1)


@pytest.mark.parametrize(
    ("status", "again"), [("failed", True), ("held", True), ("skipped", False), ("success", False), ("warning", False)]
)
def test_a_weekly_table_that_failed_is_tried_the_next_day(plane: ControlPlane, status: str, again: bool) -> None:
    plane.register("weekly", frequency_hours=168)
    plane.deliver(daily_for(DAY))
    plane.finish("weekly", status)
    plane.deliver(daily_for(DAY + timedelta(hours=23)))
    assert plane.bus.tables() == ["public.weekly"]
    plane.deliver(daily_for(DAY + timedelta(days=1)))
    assert len(plane.bus.tables()) == 1 + again


def test_an_input_that_is_not_due_does_not_hold_its_dependent_up(plane: ControlPlane) -> None:
    plane.register("input", next_refresh_at=DAY + timedelta(days=2))
    plane.register("dependent")
    plane.depend("dependent", "input")
    plane.daily()
    assert plane.bus.tables() == ["public.dependent"]


def test_a_publish_that_holds_a_registry_row_does_not_hold_planning_up(plane: ControlPlane) -> None:
    plane.register("a", "b")
    with plane.store.transaction() as session:
        session.run("SELECT FROM refresh.refresh_table_registry WHERE table_name = 'a' FOR NO KEY UPDATE")
        plane.daily()
        assert sorted(plane.bus.tables()) == ["public.a", "public.b"]
        assert next_refresh(plane, "a") is None
        assert next_refresh(plane, "b") == DAY + timedelta(days=1)
    plane.deliver(daily_for(DAY + timedelta(hours=1)))
    assert plane.bus.tables()[2:] == ["public.a"]
    assert next_refresh(plane, "a") == DAY + timedelta(hours=25)


def test_a_crash_between_commit_and_publish_loses_nothing(plane: ControlPlane) -> None:
    plane.register("a")
    plane.bus.down = True
    with pytest.raises(RetryLater):
        plane.daily()
    assert plane.tasks() == {"a": "queued"}
    plane.bus.down = False
    assert plane.daily() == "planned before"
    assert plane.bus.tables() == ["public.a"]


def test_a_thousand_tables_take_as_many_statements_as_three_and_under_two_seconds(plane: ControlPlane) -> None:
    few, many = CountingStore(plane.store), CountingStore(plane.store)
    plane.register(*(f"few_{number}" for number in range(3)))
    plane.orchestrator_on(few).handle(delivery(DAY))
    plane.register(*(f"many_{number}" for number in range(1_000)))
    for number in range(0, 1_000, 2):
        plane.depend(f"many_{number}", f"many_{number + 1}")
    began = time.monotonic()
    plane.orchestrator_on(many).handle(delivery(DAY + timedelta(hours=1)))
    took = time.monotonic() - began
    assert len(plane.bus.tables()) == 3 + 500
    assert many.statements == few.statements <= 15
    assert took < 2.0, took


def test_a_manual_run_takes_the_named_tables_due_or_not(plane: ControlPlane) -> None:
    plane.register("a", "b", next_refresh_at=DAY + timedelta(days=9))
    run_id = plane.request("a", force=True)
    plane.deliver_owed()
    assert plane.bus.tables() == ["public.a"]
    (task,) = plane.run("SELECT run_id, force FROM refresh.refresh_task")
    assert (task["run_id"], task["force"]) == (run_id, True)
    assert next_refresh(plane, "a") == DAY + timedelta(days=9)


def test_a_manual_run_of_everything_takes_the_live_tables(plane: ControlPlane) -> None:
    plane.register("a", "b")
    plane.register("off", mode="disabled")
    plane.request()
    plane.deliver_owed()
    assert plane.tasks() == {"a": "queued", "b": "queued"}


def test_a_disabled_table_that_is_named_is_skipped_with_the_reason(plane: ControlPlane) -> None:
    plane.register("off", mode="disabled")
    plane.register("after")
    plane.depend("after", "off")
    plane.request("off", "after")
    plane.deliver_owed()
    assert plane.tasks() == {"off": "skipped disabled", "after": "skipped input_failed: public.off"}
    assert plane.run("SELECT status FROM refresh.refresh_run") == [{"status": "warning"}]


def test_a_manual_message_delivered_again_or_at_once_plans_once(plane: ControlPlane) -> None:
    plane.register("a", "b")
    run_id = plane.request()
    message = json.dumps({"version": 1, "kind": "manual", "run_id": str(run_id)}).encode()
    barrier = Barrier(4)

    def deliver(_: int) -> str:
        barrier.wait()
        return plane.deliver(message)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, range(4)))
    plane.deliver(message)
    assert sorted(plane.bus.tables()) == ["public.a", "public.b"]


def test_a_manual_message_for_a_run_that_is_gone_is_done_with(plane: ControlPlane) -> None:
    message = json.dumps({"version": 1, "kind": "manual", "run_id": str(uuid4())}).encode()
    assert plane.deliver(message) == "planned before, or unknown"
