"""How fresh data are, apart from how fresh jobs are; and what is told of reports that do not come."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pg8000.native
import pytest

from tests.sqp.warehouse import call, fill, row
from tests.support.control_plane import ControlPlane
from tests.support.sqp import SUNDAY, by_key, select

type Connection = pg8000.native.Connection
_TOTALS = (100, 1_000, 50, 20, 10)
_LAST_DAY = SUNDAY + timedelta(days=13)
"""Saturday of the second week."""


def _at(days: int) -> datetime:
    """Days after the end of the second week."""
    return datetime.combine(_LAST_DAY, datetime.min.time(), UTC) + timedelta(days=days, hours=12)


def _report(start: date, **other: Any) -> dict[str, Any]:
    return row("q", "A1", _TOTALS, (9, 1, 0, 0), start=start, **other)


@pytest.fixture
def two_weeks(warehouse: Connection) -> Connection:
    warehouse.run("DELETE FROM refresh.refresh_outbox")
    fill(warehouse, [_report(SUNDAY), _report(SUNDAY + timedelta(weeks=1))])
    return warehouse


def _status(warehouse: Connection, days: int) -> dict[str, Any]:
    [found] = call(warehouse, "freshness(:at)", at=_at(days))
    return found


@pytest.mark.parametrize(
    ("days", "status", "missing"),
    [(0, "fresh", 0), (11, "fresh", 0), (12, "late", 1), (16, "late", 1), (17, "stale", 1), (19, "stale", 2)],
)
def test_a_week_is_expected_five_days_after_its_end_and_stale_after_ten(
    two_weeks: Connection, days: int, status: str, missing: int
) -> None:
    found = _status(two_weeks, days)
    assert (found["data_status"], found["n_missing_periods"], found["data_age_days"]) == (status, missing, days)
    assert (found["last_period_end"], found["next_expected_on"]) == (_LAST_DAY, _LAST_DAY + timedelta(days=12))


def test_days_are_those_of_the_registry(two_weeks: Connection) -> None:
    two_weeks.run("BEGIN")
    two_weeks.run(
        "SELECT refresh.register_table('sqp', 'search_query_performance', 'p.d.t', 'search_queries',"
        """ checks => '{"expected_days": 2, "stale_days": 3}')"""
    )
    assert [_status(two_weeks, days)["data_status"] for days in (8, 9, 10)] == ["fresh", "late", "stale"]
    two_weeks.run("ROLLBACK")


def test_each_series_is_measured_by_itself(two_weeks: Connection) -> None:
    fill(
        two_weeks,
        [
            _report(date(2025, 1, 1), report_period="MONTH"),
            _report(SUNDAY, marketplace="DE"),
            _report(date(2025, 1, 1), report_period="QUARTER", client="c2"),
        ],
    )
    found = by_key(call(two_weeks, "freshness(:at)", at=_at(17)), "client_id", "marketplace_id", "report_period")
    assert {key: one["data_status"] for key, one in found.items()} == {
        ("c1", "US", "WEEK"): "stale",
        ("c1", "DE", "WEEK"): "stale",
        ("c1", "US", "MONTH"): "fresh",
        ("c2", "US", "QUARTER"): "fresh",
    }
    assert found["c1", "DE", "WEEK"]["missing_periods"] == [SUNDAY + timedelta(weeks=n) for n in (1, 2)]
    assert found["c1", "US", "MONTH"]["next_period_end"] == date(2025, 2, 28)
    assert found["c2", "US", "QUARTER"]["next_period_end"] == date(2025, 6, 30)


def test_a_gap_in_the_past_is_listed_and_leaves_the_status_alone(two_weeks: Connection) -> None:
    fill(two_weeks, [_report(SUNDAY + timedelta(weeks=3))])
    found = _status(two_weeks, 20)
    assert (found["data_status"], found["missing_periods"]) == ("fresh", [SUNDAY + timedelta(weeks=2)])


def test_a_job_that_runs_does_not_make_data_fresh(two_weeks: Connection) -> None:
    assert _status(two_weeks, 17)["job_status"] == "never"
    two_weeks.run("BEGIN")
    two_weeks.run("SELECT refresh.register_table('sqp', 'search_query_performance', 'p.d.t', 'search_queries')")
    for hours, expected in ((1, "current"), (47, "current"), (49, "overdue")):
        two_weeks.run(
            "UPDATE refresh.refresh_table_registry SET last_refreshed_at = :at"
            " WHERE table_schema = 'sqp' AND table_name = 'search_query_performance'",
            at=_at(17) - timedelta(hours=hours),
        )
        found = _status(two_weeks, 17)
        assert (found["job_status"], found["data_status"]) == (expected, "stale")
    two_weeks.run(
        "WITH run AS (INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key)"
        " VALUES ('manual', 'test', 'tried') RETURNING run_id)"
        " INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, mode, status, reason,"
        " finished_at) SELECT run_id, 'sqp', 'search_query_performance', 'search_queries', 1, 'dry_run', 'failed',"
        " 'tried', now() FROM run"
    )
    assert _status(two_weeks, 17)["job_last_status"] is None, "a dry run refreshes nothing"
    two_weeks.run("ROLLBACK")


def test_a_missing_report_is_told_once(two_weeks: Connection) -> None:
    def owed(days: int) -> int:
        return int(two_weeks.run("SELECT sqp.owe_stale_events(:at)", at=_at(days))[0][0])

    assert [owed(days) for days in (16, 17, 17, 23, 24, 24)] == [0, 1, 0, 0, 1, 0]
    events = [one["payload"] for one in select(two_weeks, "SELECT payload FROM refresh.refresh_outbox ORDER BY 1")]
    assert {event["type"] for event in events} == {"data.stale"}
    assert {event["table"] for event in events} == {"sqp.search_query_performance"}
    assert len({event["id"] for event in events}) == 2
    assert sorted(event["data"]["period_start"] for event in events) == ["2025-01-19", "2025-01-26"]
    assert {event["data"]["client_id"] for event in events} == {"c1"}


def test_a_report_is_late_from_its_alert_until_it_or_a_later_one_is_there(two_weeks: Connection) -> None:
    def late() -> list[date]:
        return [one["period_start"] for one in call(two_weeks, "late_reports()")]

    assert late() == []
    two_weeks.run("SELECT sqp.owe_stale_events(:at)", at=_at(24))
    assert sorted(late()) == [SUNDAY + timedelta(weeks=2), SUNDAY + timedelta(weeks=3)]
    fill(two_weeks, [_report(SUNDAY + timedelta(weeks=3), client="c2")])
    assert len(late()) == 2, "that is another client's"
    fill(two_weeks, [_report(SUNDAY + timedelta(weeks=2))])
    assert late() == [SUNDAY + timedelta(weeks=3)]


def test_a_long_silence_raises_no_storm(two_weeks: Connection) -> None:
    [[owed]] = two_weeks.run("SELECT sqp.owe_stale_events(:at)", at=_at(700))
    assert owed == 5


def test_the_sweep_tells_of_every_registered_warehouse(migrated_url: str) -> None:
    plane = ControlPlane(migrated_url)
    plane.run("DELETE FROM refresh.refresh_table_registry")
    plane.run(
        "INSERT INTO sqp.search_query_market (client_id, marketplace_id, report_period, period_start, period_end,"
        " search_query_key, search_query, n_own_asins, totals_disagree)"
        " SELECT 'c1', 'US', 'WEEK', day, day + 6, 'q', 'q', 1, false"
        " FROM (SELECT current_date - extract(dow FROM current_date)::integer - 28 AS day) AS week"
    )
    plane.sweep()
    assert plane.bus.of_topic("refresh-events") == []
    plane.run("SELECT refresh.register_table('sqp', 'search_query_performance', 'p.d.t', 'search_queries')")
    plane.sweep()
    plane.sweep()
    events = plane.bus.of_topic("refresh-events")
    assert [event.payload["type"] for event in events] == ["data.stale"] * len(events)
    assert 1 <= len(events) <= 2
    late = plane.run("SELECT * FROM refresh.late_reports()")
    assert {one["table"] for one in late} == {"sqp.search_query_performance"}
    assert {one["report"][:10] for one in late} == {"c1 US WEEK"}
    assert len(late) == len(events)
    plane.store.close()
