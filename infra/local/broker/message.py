"""A published message, and its way to one subscription."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Message:
    """As published. `published_at` has a time zone."""

    id: str
    data: bytes
    attributes: Mapping[str, str]
    published_at: datetime


@dataclass(kw_only=True)
class Delivery:
    """One message owed to one subscription. Times are seconds of the broker's steady clock."""

    message: Message
    ready_at: float
    attempt: int = 0
    ack_id: str = ""
    lease_until: float | None = None
