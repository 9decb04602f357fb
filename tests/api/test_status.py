"""Ten seconds: can the dashboards be trusted, and if not, why and what now."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Api


def overview(api: Api) -> tuple[str, list[tuple[str, str, str | None]]]:
    status = api.get("/api/refresh/status")
    return status["overall_status"], [(one["severity"], one["kind"], one["table"]) for one in status["alerts"]]


def refreshed(
    api: Api, name: str, *, hours_ago: float, status: str = "success", schema: str = "public", error: str = ""
) -> None:
    """The table shows data of so many hours ago."""
    api.trigger(f"{schema}.{name}" if schema != "public" else name, force=True)
    api.plane.deliver_owed()
    api.plane.finish(name, status, error=error)
    api.plane.deliver_owed()
    api.plane.run(
        "UPDATE refresh.refresh_table_registry SET last_refreshed_at = now(),"
        " next_refresh_at = now() + interval '1 day', last_data_period = '2025-01-05' WHERE table_name = :name",
        name=name,
    )
    shows(api, name, hours_ago=hours_ago)


def shows(api: Api, name: str, *, hours_ago: float) -> None:
    """What it shows is of so many hours ago, by its registration and by its refreshes."""
    for relation, column in (("refresh_table_registry", "scanned_snapshot_at"), ("refresh_run", "snapshot_at")):
        one = "run_id IN (SELECT run_id FROM refresh.refresh_task WHERE table_name = :name)"
        api.plane.run(
            f"UPDATE refresh.{relation} SET {column} = now() - interval '{hours_ago} hours'"
            f" WHERE {one if relation == 'refresh_run' else 'table_name = :name'}",
            name=name,
        )


def table(api: Api, name: str) -> dict[str, Any]:
    found: dict[str, Any]
    (found,) = (one for one in api.get("/api/refresh/status")["tables"] if one["table"] == f"public.{name}")
    return found


def test_all_fresh(api: Api) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=3)
    assert overview(api) == ("healthy", [])
    status = api.get("/api/refresh/status")
    assert status["summary"] == "1 of 1 table is fresh; nothing needs attention."
    found = table(api, "a")
    assert (found["status"], found["is_stale"], found["freshness_score"]) == ("success", False, 1)
    assert found["data_as_of"].endswith("Z")
    assert found["last_data_period"] == "2025-01-05"
    assert status["recent_activity"][0]["table"] == "public.a"
    assert status["statistics"]["last_day"]["tasks"] == 1


def test_old_data_is_stale_an_hour_after_it_should_have_been_refreshed(api: Api) -> None:
    api.plane.register("a", "b")
    refreshed(api, "a", hours_ago=24.9)
    refreshed(api, "b", hours_ago=36)
    assert overview(api) == ("failing", [("critical", "stale", "public.b")])
    assert table(api, "b")["freshness_score"] == 0.5
    assert "1 stale" in api.get("/api/refresh/status")["summary"]


def test_a_table_cannot_be_fresher_than_the_trigger_makes_it(api: Api) -> None:
    """Every hour is asked for, but the trigger is daily."""
    api.plane.register("a", frequency_hours=1)
    refreshed(api, "a", hours_ago=20)
    assert overview(api) == ("healthy", [])


def test_what_failed_was_held_or_warned(api: Api) -> None:
    api.plane.register("a", "b", "c", "d", "e")
    for name, status in (("a", "failed"), ("b", "held"), ("c", "warning"), ("d", "success"), ("e", "skipped")):
        refreshed(api, name, hours_ago=1, status=status)
    overall, alerts = overview(api)
    assert overall == "failing"
    assert alerts == [
        ("critical", "failed", "public.a"),
        ("warning", "held", "public.b"),
        ("warning", "quarantined", "public.c"),
        ("warning", "skipped", "public.e"),
    ]
    assert all(one["what_to_do"] for one in api.get("/api/refresh/status")["alerts"])
    assert table(api, "a")["recent_error"] == "test"
    assert table(api, "d")["recent_error"] is None


def test_a_table_without_data_is_never_healthy(api: Api) -> None:
    api.plane.register("a")
    assert overview(api) == ("degraded", [("warning", "never_refreshed", "public.a")])
    api.trigger("a")
    api.plane.deliver_owed()
    assert overview(api) == ("degraded", [("warning", "never_refreshed", "public.a")])
    assert "1 never refreshed" in api.get("/api/refresh/status")["summary"]


def test_a_disabled_table_alarms_nobody(api: Api) -> None:
    api.plane.register("a", mode="disabled")
    assert overview(api) == ("healthy", [])
    assert table(api, "a")["status"] == "disabled"


def test_progress_of_a_running_table(api: Api) -> None:
    api.plane.register("a")
    api.trigger("a")
    api.plane.deliver_owed()
    assert table(api, "a")["status"] == "queued"
    api.plane.claim("a")
    started = "clock_timestamp() - interval '10 seconds'"
    full = dict.fromkeys(("rows_expected", "source_rows_expected", "rows_received", "rows_read", "rows_staged"), "1000")
    api.plane.slice("a", 0, "done", started_at=started, finished_at="clock_timestamp()", **full)
    half = full | {"rows_received": "500", "rows_read": "500", "rows_staged": "500"}
    api.plane.slice("a", 1, "running", started_at=started, **half)
    api.plane.slice("a", 2, **(full | {"rows_received": "0", "rows_read": "0", "rows_staged": "0"}))
    api.plane.change("a", "slices_open = 2")
    found = table(api, "a")
    progress = found["progress"]
    assert found["status"] == "running"
    assert (progress["slices_done"], progress["slices_total"]) == (1, 3)
    assert (progress["rows_done"], progress["rows_total"]) == (1500, 3000)
    assert 100 < progress["rows_per_second"] <= 150
    assert 10 <= progress["seconds_left"] < 15


def test_messages_that_are_not_published_and_letters_that_are_dead(api: Api) -> None:
    api.plane.run(
        "INSERT INTO refresh.refresh_outbox (topic, payload, created_at)"
        " VALUES ('t', '{}', now() - interval '11 minutes')"
    )
    api.plane.run(
        "INSERT INTO refresh.refresh_dead_letter (message_id, topic, reason, payload) VALUES ('1', 't', 'r', 'p')"
    )
    assert overview(api) == ("failing", [("critical", "messages_owed", None), ("warning", "dead_letters", None)])
