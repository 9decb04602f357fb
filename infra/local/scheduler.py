"""Cloud Scheduler's part: the daily trigger by its cron expression, and the sweep, as static messages."""

import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.pubsub_v1.types import PubsubMessage

from infra.local.process import PartFailedError
from infra.local.pubsub import publisher

DAILY = {"version": 1, "kind": "daily"}
SWEEP = {"version": 1, "kind": "sweep"}
_TOPIC = "refresh-schedule"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When to publish what. `cron` is read in `zone`; `sweep` is the time between two sweeps."""

    cron: str = "0 6 * * *"
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    sweep: timedelta = timedelta(seconds=60)

    def next_daily(self, after: datetime) -> datetime:
        """The first daily instant after the given one. Both have a time zone."""
        moment: datetime = croniter(self.cron, after.astimezone(self.zone)).get_next(datetime)
        return moment


def schedule_from(settings: Mapping[str, str] = os.environ) -> Schedule:
    """Read REFRESH_SCHEDULE, REFRESH_TIME_ZONE and REFRESH_SWEEP_SECONDS; unset or empty means default.

    PartFailedError names a wrong one.
    """
    usual = Schedule()
    cron = settings.get("REFRESH_SCHEDULE") or usual.cron
    if not croniter.is_valid(cron):
        raise _wrong(f"REFRESH_SCHEDULE is {cron!r}, but must be a cron expression such as {usual.cron!r}")
    zone = settings.get("REFRESH_TIME_ZONE") or "UTC"
    try:
        found = ZoneInfo(zone)
    except (KeyError, ValueError) as error:
        raise _wrong(f"REFRESH_TIME_ZONE is {zone!r}, but must be a time zone such as 'Europe/Berlin'") from error
    seconds = settings.get("REFRESH_SWEEP_SECONDS") or "60"
    if not seconds.isdigit() or int(seconds) == 0:
        raise _wrong(f"REFRESH_SWEEP_SECONDS is {seconds!r}, but must be a whole number of seconds above 0")
    return Schedule(cron=cron, zone=found, sweep=timedelta(seconds=int(seconds)))


def _wrong(problem: str) -> PartFailedError:
    return PartFailedError("scheduler", problem)


class Scheduler:
    """Publishes by the schedule from start to stop. A publish that fails is logged; the next instant is another try."""

    def __init__(self, schedule: Schedule, *, address: str, project: str) -> None:
        self._schedule = schedule
        self._client = publisher(address)
        self._topic = f"projects/{project}/topics/{_TOPIC}"
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._client.transport.close()

    def publish(self, body: Mapping[str, object]) -> str:
        """Publish the body to the schedule's topic at once, and return the message's id."""
        message = PubsubMessage(data=json.dumps(body, separators=(",", ":")).encode())
        sent = self._client.publish(topic=self._topic, messages=[message], timeout=10)
        return str(sent.message_ids[0])

    def _run(self) -> None:
        now = self._now()
        daily, sweep = self._schedule.next_daily(now), now + self._schedule.sweep
        while not self._stopping.wait((min(daily, sweep) - now).total_seconds()):
            now = self._now()
            if now >= daily:
                self._try(DAILY)
                daily = self._schedule.next_daily(now)
            if now >= sweep:
                self._try(SWEEP)
                sweep = now + self._schedule.sweep
            now = self._now()

    def _now(self) -> datetime:
        return datetime.now(self._schedule.zone)

    def _try(self, body: Mapping[str, object]) -> None:
        try:
            self.publish(body)
        except (GoogleAPICallError, RetryError) as error:
            _log.error("the scheduler could not publish %s: %s", body["kind"], error)
