"""Events as they are announced, who wants them, and one event on its way to one endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

DELIVERIES_TOPIC = "refresh-deliveries"
"""Topic that wakes the notifier when something is due; refresh-events holds events and nothing else."""

EVENT_TYPES = (
    "refresh.completed",
    "refresh.failed",
    "refresh.warning",
    "refresh.held",
    "refresh.recovered",
    "data.stale",
)
TEST_EVENT = "webhook.test"
TROUBLE = ("refresh.failed", "refresh.warning", "refresh.held", "refresh.recovered", "data.stale")
DISABLED_BY_HAND = "disabled by an operator"
"""What people want to be told: a Slack channel gets these unless it asks for others."""


class EndpointKind(StrEnum):
    STANDARD = "standard"
    SLACK = "slack"


class EndpointState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event as the database announced it."""

    event_id: UUID
    type: str
    occurred_at: datetime
    table: str | None
    """schema.name; None where it is about no table."""
    payload: dict[str, Any]
    """The whole envelope."""


@dataclass(frozen=True, kw_only=True)
class DeliverDue:
    """Send what is due."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One event that this process has claimed to send to one endpoint now."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    payload: dict[str, Any]
    number: int
    """From 1."""
    epoch: int
    kind: EndpointKind
    url: str
    sealed_url: bytes | None
    sealed_secrets: tuple[bytes, ...]
    """The current secret first, then the previous one while it still overlaps."""
    claimed_at: datetime
    """By the database's clock, which is the one that is right."""
    traceparent: str | None
    """The span in which the delivery was owed; None: there was none."""


@dataclass(frozen=True, kw_only=True)
class WebhookRequest:
    """What is posted."""

    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class WebhookResponse:
    """What came back, as far as it matters."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case."""
    excerpt: str = ""
    """The beginning of the body of an answer that is not 2xx."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A webhook endpoint as people see it; its secrets stay in the database."""

    endpoint_id: UUID
    url: str
    """Of Slack only the host and the last characters: the whole of it is a password."""
    kind: EndpointKind
    description: str
    events: tuple[str, ...]
    """Types that are sent; empty: all."""
    tables: tuple[str, ...]
    """Patterns of schema.name, with * for any characters; empty: all."""
    state: EndpointState
    disabled_reason: str | None
    failing_since: datetime | None
    paused_until: datetime | None
    """Until when the endpoint asked to be left alone."""
    previous_secret_until: datetime | None
    version: int
    """Raised by every change of the configuration."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class DeliveryRecord:
    """A delivery as people see it."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    payload: dict[str, Any]
    state: DeliveryState
    attempt: int
    response_status: int | None
    response_excerpt: str | None
    error: str | None
    duration_ms: int | None
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    created_at: datetime
