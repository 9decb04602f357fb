"""The overview never says healthy while somebody who looks at a dashboard would be misled. A test is such a morning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.planning.schedule import daily_key
from tests.api.conftest import Api, forget
from tests.api.test_status import overview, refreshed, shows, table

pytestmark = pytest.mark.usefixtures("swept")


def alert(api: Api, kind: str) -> dict[str, Any]:
    """The one alert of a kind."""
    found: list[dict[str, Any]] = [one for one in api.get("/api/refresh/status")["alerts"] if one["kind"] == kind]
    assert len(found) == 1, found
    assert found[0]["what_to_do"]
    return found[0]


def summary(api: Api) -> str:
    return str(api.get("/api/refresh/status")["summary"])


def test_a_backfill_that_went_well_does_not_hide_a_refresh_that_failed(api: Api) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=3, status="failed")
    backfill(api, "a", "success")
    assert overview(api) == ("failing", [("critical", "failed", "public.a")])
    assert table(api, "a")["status"] == "failed"


@pytest.mark.parametrize("status", ["failed", "held"])
def test_a_range_that_a_backfill_did_not_bring_is_told_until_another_does(api: Api, status: str) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=3)
    backfill(api, "a", status)
    assert overview(api) == ("degraded", [("warning", "backfill_failed", "public.a")])
    assert "2025-01-01 to 2025-01-31" in alert(api, "backfill_failed")["message"]
    backfill(api, "a", "success")
    assert overview(api) == ("healthy", [])


def backfill(api: Api, name: str, status: str) -> None:
    """A backfill of January that has ended."""
    (run,) = api.plane.run(
        "INSERT INTO refresh.refresh_run (trigger, requested_by, request, idempotency_key, status, finished_at)"
        " VALUES ('manual', 'x', '{\"backfill\": {}}', gen_random_uuid()::text, 'success', clock_timestamp())"
        " RETURNING run_id"
    )
    api.plane.run(
        "INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, status, reason,"
        " started_at, finished_at)"
        " VALUES (:run_id, 'public', :name, 'generic', 1000, :status, 'test', clock_timestamp(), clock_timestamp())",
        run_id=run["run_id"],
        name=name,
        status=status,
    )
    api.plane.run(
        "INSERT INTO refresh.refresh_backfill (table_schema, table_name, scope_from, scope_to, visible, requested_by,"
        " run_id, status, reason, finished_at) VALUES ('public', :name, '2025-01-01', '2025-01-31', 'end', 'x',"
        " :run_id, :status, 'test', clock_timestamp())",
        run_id=run["run_id"],
        name=name,
        status=status,
    )


def test_rows_left_out_are_told_as_long_as_they_are(api: Api) -> None:
    """The next day nothing changes, so the refresh is a success; the rows are missing all the same."""
    api.plane.register("a")
    refreshed(api, "a", hours_ago=1)
    api.plane.run(
        "INSERT INTO refresh.refresh_partition_state (table_schema, table_name, scope, fingerprint, definition_hash,"
        " snapshot_at, rows, rows_quarantined, run_id) SELECT 'public', 'a', scope, 'f', 'h', now(), 10, 2, run_id"
        " FROM refresh.refresh_task, (VALUES ('1'), ('2')) AS of (scope)"
    )
    assert overview(api) == ("degraded", [("warning", "quarantined", "public.a")])
    assert "4 row(s)" in alert(api, "quarantined")["message"]
    assert table(api, "a")["rows_in_quarantine"] == 4


@pytest.mark.parametrize("mode", ["disabled", "shadow", "dry_run"])
def test_a_table_that_nothing_refreshes_any_more_is_told_once_its_data_is_old(api: Api, mode: str) -> None:
    api.plane.register("a", "b")
    refreshed(api, "a", hours_ago=3)
    refreshed(api, "b", hours_ago=24)
    api.plane.run("UPDATE refresh.refresh_table_registry SET mode = :mode WHERE table_name = 'b'", mode=mode)
    assert overview(api) == ("healthy", [])
    assert summary(api) == "1 of 1 table is fresh; nothing needs attention. Not refreshed: 1."
    shows(api, "b", hours_ago=72)
    assert overview(api) == ("degraded", [("warning", "not_refreshed", "public.b")])
    assert mode in alert(api, "not_refreshed")["message"]


def test_a_live_table_with_an_input_that_nothing_refreshes_is_told(api: Api) -> None:
    api.plane.register("a")
    api.plane.register("b", mode="disabled")
    api.plane.depend("a", "b")
    refreshed(api, "a", hours_ago=3)
    assert overview(api) == ("degraded", [("warning", "not_refreshed", "public.b")])
    assert "public.a" in alert(api, "not_refreshed")["message"]


@pytest.mark.parametrize(("status", "kind"), [("failed", "failed"), ("held", "held"), ("skipped", "skipped")])
def test_a_shadow_that_goes_wrong_is_told_though_nobody_sees_it(api: Api, status: str, kind: str) -> None:
    api.plane.register("a", mode="shadow")
    refreshed(api, "a", hours_ago=3, status=status)
    assert ("warning", kind, "public.a") in overview(api)[1]
    assert alert(api, kind)["message"].startswith("In mode shadow: ")


def test_a_table_that_is_not_there_is_told_at_once(api: Api) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=3)
    api.plane.run("DROP TABLE public.a")
    assert overview(api) == ("failing", [("critical", "missing", "public.a")])
    assert "1 missing" in summary(api)
    api.plane.run("UPDATE refresh.refresh_table_registry SET mode = 'disabled'")
    assert overview(api) == ("healthy", []), "nobody can look at it"


def test_a_sweep_that_never_came_is_told(api: Api) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=3)
    api.plane.run("DELETE FROM refresh.refresh_heartbeat")
    assert overview(api) == ("healthy", [])
    api.plane.run("UPDATE refresh.refresh_table_registry SET created_at = now() - interval '6 minutes'")
    assert overview(api) == ("failing", [("critical", "sweep_silent", None)])
    assert "has never" in alert(api, "sweep_silent")["message"]


def test_a_daily_trigger_that_did_not_come_is_told_an_hour_later(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables are fresh yet: nobody has to wait until they are not to hear of it."""
    api.plane.register("a")
    refreshed(api, "a", hours_ago=3)
    due = (datetime.now(UTC) - timedelta(hours=2)).replace(second=0, microsecond=0)
    monkeypatch.setenv("REFRESH_SCHEDULE", f"{due.minute} {due.hour} * * *")
    monkeypatch.setenv("REFRESH_TIME_ZONE", "UTC")
    forget()
    assert overview(api) == ("healthy", []), "the table was registered after it"
    api.plane.run("UPDATE refresh.refresh_table_registry SET created_at = now() - interval '3 hours'")
    assert overview(api) == ("failing", [("critical", "schedule_silent", None)])
    api.plane.run(
        "INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key, scheduled_for, created_at)"
        " VALUES ('schedule', 'schedule', :key, :due, :due)",
        key=daily_key(due),
        due=due,
    )
    assert overview(api) == ("healthy", [])


def test_a_daily_trigger_has_an_hour(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    due = datetime.now(UTC) - timedelta(minutes=50)
    monkeypatch.setenv("REFRESH_SCHEDULE", f"{due.minute} {due.hour} * * *")
    monkeypatch.setenv("REFRESH_TIME_ZONE", "UTC")
    forget()
    api.plane.register("a")
    refreshed(api, "a", hours_ago=3)
    api.plane.run("UPDATE refresh.refresh_table_registry SET created_at = now() - interval '3 hours'")
    assert overview(api) == ("healthy", [])


def test_intervals_are_whole_triggers(api: Api) -> None:
    """Every 30 hours, by a daily trigger, is every second day."""
    api.plane.register("a", "b", frequency_hours=30)
    refreshed(api, "a", hours_ago=48)
    refreshed(api, "b", hours_ago=50)
    assert overview(api) == ("failing", [("critical", "stale", "public.b")])
    assert table(api, "a")["freshness_score"] == 1.0


def test_an_endpoint_that_cannot_be_told_anything_is_told_here(api: Api) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=3)
    for url, state, reason, since in (
        ("https://gone.test", "disabled", "the receiver answered 410 Gone", None),
        ("https://dead.test", "enabled", None, "2 hours"),
        ("https://shaky.test", "enabled", None, "10 minutes"),
        ("https://off.test", "disabled", "disabled by an operator", None),
    ):
        api.plane.run(
            "INSERT INTO refresh.webhook_endpoint (url, secret, state, disabled_reason, failing_since) VALUES"
            " (:url, '\\x00', :state, :reason, now() - CAST(:since AS interval))",
            url=url,
            state=state,
            reason=reason,
            since=since,
        )
    assert overview(api) == ("degraded", [("warning", "webhook_failing", None)])
    message = alert(api, "webhook_failing")["message"]
    assert "gone.test" in message
    assert "dead.test" in message
    assert "shaky.test" not in message
    assert "off.test" not in message


def test_a_verification_that_could_not_be_made_is_told(api: Api) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=3)
    verified(api, "a", "success", minutes_ago=2)
    assert overview(api) == ("healthy", [])
    verified(api, "a", "failed", minutes_ago=1)
    assert overview(api) == ("degraded", [("warning", "not_verified", "public.a")])
    verified(api, "a", "warning", minutes_ago=0)
    assert overview(api) == ("failing", [("critical", "not_equal", "public.a")])


def verified(api: Api, name: str, status: str, *, minutes_ago: int) -> None:
    (run,) = api.plane.run(
        "INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key, status, finished_at)"
        " VALUES ('schedule', 'schedule', gen_random_uuid()::text, 'success', now()) RETURNING run_id"
    )
    api.plane.run(
        "INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, mode, status, reason,"
        " error, finished_at) VALUES (:run_id, 'public', :name, 'generic', 1, 'verify', :status, 'test', 'why',"
        " now() - make_interval(mins => :minutes))",
        run_id=run["run_id"],
        name=name,
        status=status,
        minutes=minutes_ago,
    )


def test_reports_that_do_not_come_are_told_though_every_job_is_green(api: Api) -> None:
    """Green for two weeks without data is a failure that people have suffered."""
    api.plane.run(
        "SELECT refresh.register_table('sqp', 'search_query_performance', 'p.d.t', 'search_queries')",
    )
    refreshed(api, "search_query_performance", schema="sqp", hours_ago=3)
    assert overview(api) == ("healthy", [])
    for week in range(4):
        api.plane.run(
            "INSERT INTO sqp.stale_alert (client_id, marketplace_id, report_period, period_start)"
            " VALUES ('c1', 'US', 'WEEK', date '2025-01-05' + 7 * CAST(:week AS integer))",
            week=week,
        )
    assert overview(api) == ("degraded", [("warning", "data_late", "sqp.search_query_performance")])
    message = (
        "Reports are overdue at the source: c1 US WEEK 2025-01-05, c1 US WEEK 2025-01-12, c1 US WEEK 2025-01-19 and"
    )
    assert alert(api, "data_late")["message"] == f"{message} 1 more."
