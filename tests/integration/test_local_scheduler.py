"""When the local scheduler fires."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from infra.local.process import PartFailedError
from infra.local.scheduler import schedule_from


def test_the_usual_schedule_is_six_in_the_morning_utc_and_a_sweep_a_minute() -> None:
    schedule = schedule_from({})
    assert schedule.next_daily(datetime(2025, 3, 1, 6, 0, tzinfo=UTC)) == datetime(2025, 3, 2, 6, 0, tzinfo=UTC)
    assert schedule.sweep.total_seconds() == 60


def test_the_hour_is_that_of_the_schedules_time_zone_on_both_sides_of_a_clock_change() -> None:
    schedule = schedule_from({"REFRESH_SCHEDULE": "30 6 * * *", "REFRESH_TIME_ZONE": "Europe/Berlin"})
    berlin = ZoneInfo("Europe/Berlin")
    before = schedule.next_daily(datetime(2025, 3, 28, 12, 0, tzinfo=UTC))
    after = schedule.next_daily(before)
    assert before == datetime(2025, 3, 29, 6, 30, tzinfo=berlin)
    assert after == datetime(2025, 3, 30, 6, 30, tzinfo=berlin)
    assert (after.astimezone(UTC).hour, before.astimezone(UTC).hour) == (4, 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("REFRESH_SCHEDULE", "6 o'clock"), ("REFRESH_TIME_ZONE", "Mars/Olympus"), ("REFRESH_SWEEP_SECONDS", "0")],
)
def test_a_wrong_setting_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(PartFailedError, match=f"{name} is .*but must be"):
        schedule_from({name: value})
