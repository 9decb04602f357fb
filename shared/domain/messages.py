"""The messages between functions. They carry ids, versions and nothing else; workers read the rest from the
database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain.ids import RunId, TableName, TaskId

SCHEDULE_TOPIC = "refresh-schedule"
EVENTS_TOPIC = "refresh-events"
DEAD_LETTER_TOPIC = "refresh-dead-letter"
HANDLER_TOPICS = {
    "asin": "refresh-asin",
    "search_queries": "refresh-search-queries",
    "summaries": "refresh-summaries",
    "generic": "refresh-generic",
}


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A Pub/Sub message as it reached a function by push or binary CloudEvent."""

    message_id: str
    data: bytes
    attributes: dict[str, str]
    published_at: datetime | None
    """Publish time by Pub/Sub, aware; None where the transport left it out."""
    subscription: str | None = None
    delivery_attempt: int | None = None


@dataclass(frozen=True, kw_only=True)
class TableMessage:
    """Work on a table of a run: topic `refresh-<handler>`."""

    run_id: RunId
    table: TableName
    lane: int = 0
    continuation: int = 0

    @property
    def task(self) -> TaskId:
        return TaskId(run_id=self.run_id, table=self.table)


@dataclass(frozen=True, kw_only=True)
class DailyTrigger:
    """Plan what is due. `scheduled_for` wins over the delivery's publish time."""

    scheduled_for: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Publish what is owed, hand on what was left, end what is complete."""


@dataclass(frozen=True, kw_only=True)
class ManualTrigger:
    """Plan a run that somebody asked for."""

    run_id: RunId


@dataclass(frozen=True, kw_only=True)
class TableFinished:
    """A table's task has ended: publish its dependents, end the run if it is complete."""

    run_id: RunId
    table: TableName


@dataclass(frozen=True, kw_only=True)
class TableStaged:
    """A table of a publish group is staged: publish the messages of those in the group that are computed from it."""

    run_id: RunId
    table: TableName


ScheduleMessage = DailyTrigger | Sweep | ManualTrigger | TableFinished | TableStaged


@dataclass(frozen=True, kw_only=True)
class OwedMessage:
    """A row of the outbox."""

    outbox_id: int
    topic: str
    payload: dict[str, Any]
    attributes: dict[str, str] = field(default_factory=dict)
