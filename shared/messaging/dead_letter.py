"""Put a poison message aside with its reason, so that it holds nobody up, and read it again at the orchestrator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.messages import DEAD_LETTER_TOPIC, SCHEDULE_TOPIC, Delivery, OwedMessage
from shared.ports import Bus

EXHAUSTED = "delivery_attempts_exhausted"
_MARK = "refresh_dead_letter"
_FORWARDED_FROM = "CloudPubSubDeadLetterSourceSubscription"
_FORWARDED_PUBLISH_TIME = "CloudPubSubDeadLetterSourceTopicPublishTime"
_MAX_REASON = 500
_MAX_ID = 500


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message that was given up, as it first was, and why."""

    message_id: str
    """Of the original message, with its publish time: emulators count their ids from 1 after every start."""
    reason: str
    source: str
    """The subscription that it came by; empty where the transport left it out."""
    payload: str
    published_at: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


def send(bus: Bus, delivery: Delivery, reason: str) -> None:
    """Publish the delivery to refresh-dead-letter. RetryLater when Pub/Sub does not take it."""
    published_at = delivery.published_at.isoformat() if delivery.published_at else None
    payload = {
        "version": 1,
        "reason": reason[:_MAX_REASON],
        "message_id": _identity(delivery.message_id, published_at),
        "subscription": delivery.subscription or "",
        "published_at": published_at,
        "attributes": delivery.attributes,
        "payload": _text(delivery.data),
    }
    bus.publish([OwedMessage(outbox_id=0, topic=DEAD_LETTER_TOPIC, payload=payload, attributes={_MARK: "poison"})])


def is_dead_letter(delivery: Delivery) -> bool:
    """Whether it came by the dead-letter subscription, or says so itself where the subscription does not tell."""
    subscription = (delivery.subscription or "").rpartition("/")[2]
    if DEAD_LETTER_TOPIC in subscription or SCHEDULE_TOPIC in subscription:
        return DEAD_LETTER_TOPIC in subscription
    return _MARK in delivery.attributes or _FORWARDED_FROM in delivery.attributes


def read(delivery: Delivery) -> DeadLetter:
    """The dead letter in a delivery: one of ours, or one that Pub/Sub forwarded when its attempts were used up.

    Its texts can be stored by Postgres whatever the message held.
    """
    own = _own(delivery)
    if own is not None:
        return own
    published_at = delivery.published_at.isoformat() if delivery.published_at else None
    return DeadLetter(
        message_id=_storable(_identity(delivery.message_id, published_at))[:_MAX_ID],
        reason=EXHAUSTED,
        source=_storable(delivery.attributes.get(_FORWARDED_FROM, "")),
        payload=_text(delivery.data),
        published_at=delivery.attributes.get(_FORWARDED_PUBLISH_TIME),
        attributes=_storable_attributes(delivery.attributes),
    )


def _own(delivery: Delivery) -> DeadLetter | None:
    if _MARK not in delivery.attributes:
        return None
    try:
        body = json.loads(delivery.data)
        return DeadLetter(
            message_id=_storable(body["message_id"])[:_MAX_ID],
            reason=_storable(body["reason"]),
            source=_storable(body["subscription"]),
            payload=_storable(body["payload"]),
            published_at=None if body["published_at"] is None else _storable(body["published_at"]),
            attributes=_storable_attributes(body["attributes"]),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _identity(message_id: str, published_at: str | None) -> str:
    return f"{message_id}@{published_at}" if published_at else message_id


def _text(data: bytes) -> str:
    return _storable(data.decode("utf-8", "backslashreplace"))


def _storable(text: str) -> str:
    """Postgres holds neither NUL nor half a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


def _storable_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    return {_storable(name): _storable(value) for name, value in attributes.items()}
