from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import ConfigurationError
from shared.planning.schedule import Schedule

BERLIN = ZoneInfo("Europe/Berlin")
DAILY = Schedule(cron="0 6 * * *", zone=BERLIN)
IN_THE_GAP = Schedule(cron="30 2 * * *", zone=BERLIN)

moments = st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC))
schedules = st.sampled_from(
    [
        Schedule(cron=cron, zone=ZoneInfo(zone))
        for cron in ("0 6 * * *", "30 2 * * *", "15 * * * *", "0 6,18 * * *", "0 0 * * 1")
        for zone in ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
    ]
)


def berlin(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN).astimezone(UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("published", "instant"),
    [
        (berlin(2025, 6, 2, 6, 0, 0), berlin(2025, 6, 2, 6)),
        (berlin(2025, 6, 2, 6, 0, 41), berlin(2025, 6, 2, 6)),
        (berlin(2025, 6, 2, 5, 59, 59), berlin(2025, 6, 1, 6)),
        (berlin(2025, 3, 30, 6, 0, 5), berlin(2025, 3, 30, 6)),  # 23 hours after the day before
        (berlin(2025, 10, 26, 6, 0, 5), berlin(2025, 10, 26, 6)),  # 25 hours after the day before
    ],
)
def test_the_publish_time_is_floored_to_the_latest_instant(published: datetime, instant: datetime) -> None:
    assert DAILY.floor(published) == instant


@given(schedule=schedules, moment=moments, later=st.timedeltas(timedelta(0), timedelta(days=9)))
def test_flooring_is_idempotent_monotone_and_never_ahead(
    schedule: Schedule, moment: datetime, later: timedelta
) -> None:
    instant = schedule.floor(moment)
    assert instant <= moment
    assert schedule.floor(instant) == instant
    assert instant <= schedule.floor(moment + later)


def test_a_day_later_is_the_same_local_time_across_both_changes_of_the_clocks() -> None:
    for day in (datetime(2025, 3, 29), datetime(2025, 10, 25)):
        today = berlin(day.year, day.month, day.day, 6)
        assert DAILY.next_refresh_at(today, 24) == berlin(day.year, day.month, day.day + 1, 6)
        assert DAILY.next_refresh_at(today, 48) == berlin(day.year, day.month, day.day + 2, 6)


@pytest.mark.parametrize("hours", [24, 36, 168])
def test_it_is_reckoned_from_the_scheduled_time_even_off_the_cron(hours: int) -> None:
    scheduled = datetime(2025, 1, 7, 9, 17, 3, tzinfo=UTC)
    assert DAILY.next_refresh_at(scheduled, hours) == scheduled + timedelta(hours=hours)


def test_a_daily_table_is_due_at_every_trigger_of_the_year() -> None:
    for schedule in (DAILY, IN_THE_GAP):
        trigger = schedule.floor(berlin(2025, 1, 1, 12))
        for day in range(2, 365):
            moment = datetime(2025, 1, 1, 12, tzinfo=BERLIN) + timedelta(days=day - 1)
            following = schedule.floor(moment)
            assert following > trigger
            assert schedule.next_refresh_at(trigger, 24) <= following, following
            trigger = following


@given(moment=moments, schedule=schedules)
def test_a_table_of_half_a_day_is_due_at_the_trigger_half_a_day_later(moment: datetime, schedule: Schedule) -> None:
    twice = Schedule(cron="0 6,18 * * *", zone=schedule.zone)
    trigger = twice.floor(moment)
    following = twice.floor(trigger + timedelta(hours=14))
    assert following > trigger
    assert twice.next_refresh_at(trigger, 12) <= following


@given(moment=moments, hours=st.integers(1, 168), schedule=schedules)
def test_the_next_refresh_lies_ahead(moment: datetime, hours: int, schedule: Schedule) -> None:
    assert schedule.next_refresh_at(moment, hours) > moment - timedelta(microseconds=1)


@pytest.mark.parametrize("cron", ["", "6", "0 6 * *", "61 6 * * *", "0 0 6 * * *", "@daily", "every day"])
def test_a_wrong_cron_expression_names_the_setting(cron: str) -> None:
    with pytest.raises(ConfigurationError, match="REFRESH_SCHEDULE"):
        Schedule.parse(cron, "UTC")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime"])
def test_a_wrong_time_zone_names_the_setting(zone: str) -> None:
    with pytest.raises(ConfigurationError, match="REFRESH_TIME_ZONE"):
        Schedule.parse("0 6 * * *", zone)
