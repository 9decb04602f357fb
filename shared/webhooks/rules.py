"""What may be said about an endpoint, and why something is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.domain.errors import RefreshError
from shared.domain.webhooks import EVENT_TYPES, Endpoint, EndpointKind, EndpointState

MAX_ENDPOINTS = 50
MAX_OVERLAP_HOURS = 168.0
MAX_DESCRIPTION = 500
MAX_PATTERNS = 100
_PATTERN = re.compile(r"[^\s.\x00-\x1f\x7f]{1,64}\.[^\s.\x00-\x1f\x7f]{1,64}|\*")


class UnknownWebhook(RefreshError):
    """There is no such endpoint or delivery."""


class WebhookRefused(RefreshError):
    """What was given for an endpoint is not allowed. `field` names it, the message says what is."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.problem = message


class WebhookConflict(RefreshError):
    """It cannot be done in the state in which the endpoint or the delivery is; the message says what to do first."""


class WebhookChanged(RefreshError):
    """The endpoint was changed since the version that the caller has seen; `current` is that of now."""

    def __init__(self, seen: int, current: int) -> None:
        super().__init__(f"the endpoint is at version {current}, not {seen}; read it and try again")
        self.current = current


@dataclass(frozen=True, kw_only=True)
class EndpointDraft:
    """What an operator says about an endpoint. `events` None: all, or for Slack those of trouble and its end."""

    url: str
    kind: EndpointKind = EndpointKind.STANDARD
    description: str = ""
    events: tuple[str, ...] | None = None
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EndpointChange:
    """What is to change; None: nothing."""

    url: str | None = None
    description: str | None = None
    events: tuple[str, ...] | None = None
    tables: tuple[str, ...] | None = None
    state: EndpointState | None = None


def check(description: str, events: tuple[str, ...] | None, tables: tuple[str, ...]) -> None:
    if len(description) > MAX_DESCRIPTION or "\0" in description:
        raise WebhookRefused("description", f"must be a text of at most {MAX_DESCRIPTION} characters")
    unknown = sorted(set(events or ()) - set(EVENT_TYPES))
    if unknown:
        raise WebhookRefused("events", f"no such event: {', '.join(unknown)}; there are {', '.join(EVENT_TYPES)}")
    wrong = [one for one in tables if not _PATTERN.fullmatch(one)]
    if wrong or len(tables) > MAX_PATTERNS:
        raise WebhookRefused(
            "tables",
            f"must be at most {MAX_PATTERNS} patterns such as sqp.*; wrong: {', '.join(wrong[:3]) or 'too many'}",
        )


def check_version(endpoint: Endpoint, version: int | None) -> None:
    if version is not None and version != endpoint.version:
        raise WebhookChanged(version, endpoint.version)
