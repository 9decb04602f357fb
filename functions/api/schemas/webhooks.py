"""Webhook endpoints and their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from functions.api.schemas.fields import FROM_TEXT, MAX_PAGE_SIZE, Answer, Body, Moment, Plain, Query

type EventType = Literal[
    "refresh.completed",
    "refresh.failed",
    "refresh.warning",
    "refresh.held",
    "refresh.recovered",
    "data.stale",
]
type EndpointState = Literal["enabled", "disabled"]
type EndpointKind = Literal["standard", "slack"]
type DeliveryState = Literal["pending", "delivered", "failed"]

_NAMED_URL = (
    r"^https://([A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?\.){1,5}[A-Za-z]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?"
    r"(:(443|[1-5][0-9]{4}))?(/[A-Za-z0-9._~!$&'()*+,;=:@/-]*)?$"
)
"""What a URL usually is. Addresses are possible too, and say for themselves what is wrong with them."""
_NO_SPACE = r"[^.\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]{1,64}"
_PATTERN = rf"^({_NO_SPACE}\.{_NO_SPACE}|\*)$"
_Url = Annotated[
    Plain,
    Field(
        min_length=1,
        max_length=2000,
        description="https://… at a public address, on port 443 or one from 1024 on. Redirects are not followed.",
        examples=["https://hooks.example.com/refresh"],
        json_schema_extra={"pattern": _NAMED_URL},
    ),
]
_Description = Annotated[Plain, Field(max_length=500)]
_Events = Annotated[list[EventType], Field(max_length=20, description="Types that are sent; empty: all.")]
_Tables = Annotated[
    list[Annotated[str, Field(max_length=129, pattern=_PATTERN, examples=["sqp.*"])]],
    Field(max_length=100, description="Patterns of schema.name, with * for any characters; empty: all."),
]


class WebhookDraft(Body):
    """A new endpoint."""

    url: _Url
    kind: EndpointKind = Field(
        default="standard",
        description="standard: the event, signed. slack: a message for an incoming webhook of Slack.",
    )
    description: _Description = ""
    events: _Events | None = Field(default=None, description="Absent: all; for slack those of trouble and of its end.")
    tables: _Tables = Field(default_factory=list)


class WebhookChange(Body):
    """What is to change; what is absent stays."""

    url: _Url | None = None
    description: _Description | None = None
    events: _Events | None = None
    tables: _Tables | None = None
    state: EndpointState | None = Field(
        default=None, description="enabled: starts afresh. disabled: what is owed is kept, and can be sent later."
    )


class Webhook(Answer):
    """An endpoint."""

    endpoint_id: UUID
    url: str = Field(description="Of slack only the host and the last characters.")
    kind: EndpointKind
    description: str
    events: list[EventType]
    tables: list[str]
    state: EndpointState
    disabled_reason: str | None
    failing_since: datetime | None = Field(description="First failed attempt after the last that succeeded.")
    paused_until: datetime | None = Field(description="Until when the receiver asked to be left alone.")
    previous_secret_until: datetime | None = Field(description="Until when the previous secret signs along.")
    version: int
    created_at: datetime
    updated_at: datetime


class WebhookCreated(Webhook):
    """An endpoint, with the secret that is shown this once."""

    secret: str = Field(description="Verifies signatures (Standard Webhooks). It is not shown again.")


class Webhooks(Answer):
    """All endpoints, oldest first."""

    items: list[Webhook]


class RotationRequest(Body):
    """A new secret."""

    overlap_hours: Annotated[float, Field(ge=0, le=168, allow_inf_nan=False)] = Field(
        default=24.0, description="How long the secret of now signs along, so that receivers can change over."
    )


class Rotated(Answer):
    """The new secret, shown this once."""

    secret: str
    previous_secret_until: datetime | None


class DeliveryOwed(Answer):
    """A delivery that will be attempted at once."""

    delivery_id: UUID
    url: str = Field(description="Where to see what became of it.")


class DeliveriesQuery(Query):
    """Which deliveries."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE_SIZE, description="Items of a page."), FROM_TEXT] = 50
    after: UUID | None = Field(default=None, description="The delivery that the page before ended with.")
    state: DeliveryState | None = Field(default=None, description="Only those that are so now.")


class WebhookDelivery(Answer):
    """An event on its way to an endpoint."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID = Field(description="The webhook-id of every attempt.")
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


class WebhookDeliveries(Answer):
    """A page of deliveries, newest first."""

    items: list[WebhookDelivery]
    next: UUID | None = Field(description="To be given as `after` for the page after this one; null: there is none.")


class RecoverRequest(Body):
    """Which failed deliveries to send again."""

    since: Moment = Field(strict=False, description="Made at or after.")


class Recovered(Answer):
    """How many are owed again."""

    deliveries: int
