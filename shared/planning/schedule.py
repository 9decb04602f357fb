"""When the daily trigger stands for, and when a table is due again. Reckoned in the schedule's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from shared.domain.errors import ConfigurationError

_DAY_HOURS = 24


def daily_key(instant: datetime) -> str:
    """The idempotency key of the daily run for a scheduled instant (aware)."""
    return f"schedule:daily:{instant.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The daily trigger's cron expression (five fields) and the time zone that it is read in."""

    cron: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, cron: str, zone: str, *, name: str = "REFRESH_SCHEDULE") -> Schedule:
        """Read the two settings; ConfigurationError names the wrong one. `name` is that of the first."""
        if len(cron.split()) != 5 or not croniter.is_valid(cron):
            raise ConfigurationError(
                f"{name} is {cron!r}, but must be a cron expression of five fields, such as '0 6 * * *'"
            )
        try:
            return cls(cron=cron, zone=ZoneInfo(zone))
        except (KeyError, ValueError, OSError) as error:
            raise ConfigurationError(
                f"REFRESH_TIME_ZONE is {zone!r}, but must be a name of the time zone database, such as 'Europe/Berlin'"
            ) from error

    def floor(self, moment: datetime) -> datetime:
        """The schedule's latest instant not after `moment` (aware), in UTC."""
        # croniter looks strictly before its start, so start just after the moment.
        start = moment.astimezone(self.zone) + timedelta(microseconds=1)
        found: datetime = croniter(self.cron, start, max_years_between_matches=8).get_prev(datetime)
        return found.astimezone(UTC)

    def hours(self, moment: datetime) -> int:
        """Hours between the two latest instants not after `moment`: no table can be refreshed more often by itself."""
        latest = self.floor(moment)
        return max(1, round((latest - self.floor(latest - timedelta.resolution)).total_seconds() / 3600))

    def next_refresh_at(self, scheduled_for: datetime, frequency_hours: int) -> datetime:
        """When a table that was planned for `scheduled_for` (aware) is due again, in UTC.

        Whole days keep the local time of day. Parts of a day are due at the earlier of local and absolute reckoning, so
        that a trigger on the night the clocks change never finds the table not due yet.
        """
        local = self._wall_time(scheduled_for) + timedelta(hours=frequency_hours)
        due = min(local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if frequency_hours % _DAY_HOURS:
            due = min(due, scheduled_for.astimezone(UTC) + timedelta(hours=frequency_hours))
        return due

    def _wall_time(self, scheduled_for: datetime) -> datetime:
        """The local time that the instant stands for: 02:30, also on the night that has none and fires at 03:00."""
        local = scheduled_for.astimezone(self.zone).replace(tzinfo=None)
        if self.floor(scheduled_for) != scheduled_for:
            return local
        meant: datetime = croniter(self.cron, local + timedelta(microseconds=1)).get_prev(datetime)
        return meant
