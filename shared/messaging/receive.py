"""From an HTTP request to a typed message: a Pub/Sub push, or a binary CloudEvent that carries the same JSON.

The functions framework would drop subscription, delivery attempt and ordering key, so this reads them itself.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.domain.errors import InvalidMessage
from shared.domain.ids import RunId, TableName
from shared.domain.messages import (
    DailyTrigger,
    Delivery,
    ManualTrigger,
    ScheduleMessage,
    Sweep,
    TableFinished,
    TableMessage,
    TableStaged,
)
from shared.domain.webhooks import DeliverDue, Event

VERSION = 1
MALFORMED = "malformed"
UNKNOWN_VERSION = "unknown_version"
UNKNOWN_KIND = "unknown_kind"

_PUBLISHED_EVENT = "google.cloud.pubsub.topic.v1.messagePublished"
_EVENT_TYPE = re.compile(r"[a-z][a-z_]{0,40}(\.[a-z][a-z_]{0,40}){1,3}")
_YEARS = range(2000, 3000)
_MAX_COUNT = 2**31 - 1


def delivery(body: bytes, headers: Mapping[str, str]) -> Delivery:
    """Read a push request. InvalidMessage when it is no Pub/Sub delivery, so there is nothing to dead-letter."""
    event = {name.lower(): value for name, value in headers.items() if name.lower().startswith("ce-")}
    if event.get("ce-type", _PUBLISHED_EVENT) != _PUBLISHED_EVENT:
        raise _malformed(f"CloudEvent of type {event['ce-type']!r}, not {_PUBLISHED_EVENT}")
    envelope = _json_object(body, "the request body")
    message = envelope.get("message")
    if not isinstance(message, dict):
        raise _malformed("the request body has no object 'message', so it is no Pub/Sub push")
    message_id = message.get("messageId") or message.get("message_id") or event.get("ce-id")
    if not message_id or not isinstance(message_id, str):
        raise _malformed("the Pub/Sub message has no messageId")
    published = message.get("publishTime") or message.get("publish_time") or event.get("ce-time")
    return Delivery(
        message_id=message_id,
        data=_data(message.get("data")),
        attributes=_attributes(message.get("attributes")),
        published_at=None if published is None else _moment(published, "publishTime"),
        subscription=_optional(envelope.get("subscription"), str, "subscription"),
        delivery_attempt=_optional(envelope.get("deliveryAttempt"), int, "deliveryAttempt"),
    )


def table_message(delivery: Delivery) -> TableMessage:
    """Read work on a table. InvalidMessage has the precise reason."""
    body = _versioned(delivery)
    if "kind" in body:
        raise InvalidMessage(f"{UNKNOWN_KIND}: {_shown(body['kind'])}, but messages about tables have none")
    return TableMessage(
        run_id=_run_id(body),
        table=_table(body),
        lane=_count(body, "lane"),
        continuation=_count(body, "continuation"),
    )


def schedule_message(delivery: Delivery) -> ScheduleMessage:
    """Read a message to the orchestrator. InvalidMessage has the precise reason."""
    body = _versioned(delivery)
    match body.get("kind"):
        case "daily":
            return DailyTrigger(scheduled_for=_scheduled_for(body))
        case "sweep":
            return Sweep()
        case "manual":
            return ManualTrigger(run_id=_run_id(body))
        case "table_finished":
            return TableFinished(run_id=_run_id(body), table=_table(body))
        case "table_staged":
            return TableStaged(run_id=_run_id(body), table=_table(body))
        case kind:
            known = "daily, sweep, manual, table_finished or table_staged"
            raise InvalidMessage(f"{UNKNOWN_KIND}: {_shown(kind)}, not {known}")


def notifier_message(delivery: Delivery) -> Event | DeliverDue:
    """Read an event, or a call to send what is due. InvalidMessage has the precise reason."""
    body = _json_object(delivery.data, "the message")
    if "kind" in body or "version" in body:
        kind = _versioned(delivery).get("kind")
        if kind != "deliver_due":
            raise InvalidMessage(f"{UNKNOWN_KIND}: {_shown(kind)}, not deliver_due")
        return DeliverDue()
    type_ = body.get("type")
    if not isinstance(type_, str) or not _EVENT_TYPE.fullmatch(type_):
        raise _malformed(f"type is {_shown(type_)}, not the type of an event such as refresh.completed")
    return Event(
        event_id=_uuid(body, "id"),
        type=type_,
        occurred_at=_moment(body.get("occurred_at"), "occurred_at"),
        table=None if body.get("table") is None else str(_table(body)),
        payload=body,
    )


def _versioned(delivery: Delivery) -> dict[str, Any]:
    body = _json_object(delivery.data, "the message")
    version = body.get("version")
    if type(version) is not int or version != VERSION:
        raise InvalidMessage(f"{UNKNOWN_VERSION}: {_shown(version)}, only {VERSION} is known")
    return body


def _json_object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"{what} is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise _malformed(f"{what} is not a JSON object")
    return value


def _data(text: object) -> bytes:
    if text is None:
        return b""
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise _malformed("the Pub/Sub message's data is not base64")


def _attributes(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise _malformed("the Pub/Sub message's attributes are not an object of strings")
    return value


def _optional[T](value: object, kind: type[T], name: str) -> T | None:
    if value is None or isinstance(value, kind):
        return value
    raise _malformed(f"{name} is {_shown(value)}, not a {kind.__name__}")


def _run_id(body: Mapping[str, Any]) -> RunId:
    return RunId(_uuid(body, "run_id"))


def _uuid(body: Mapping[str, Any], name: str) -> UUID:
    value = body.get(name)
    try:
        if isinstance(value, str):
            return UUID(value)
    except ValueError:
        pass
    raise _malformed(f"{name} is {_shown(value)}, not a UUID")


def _table(body: Mapping[str, Any]) -> TableName:
    value = body.get("table")
    if not isinstance(value, str) or not value.isprintable():
        raise _malformed(f"table is {_shown(value)}, not schema.name")
    try:
        return TableName.parse(value)
    except ValueError as error:
        raise _malformed(str(error)) from error


def _count(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name, 0)
    if type(value) is not int or not 0 <= value <= _MAX_COUNT:
        raise _malformed(f"{name} is {_shown(value)}, not a whole number from 0")
    return value


def _scheduled_for(body: Mapping[str, Any]) -> datetime | None:
    value = body.get("scheduled_for")
    if value is None:
        return None
    moment = _moment(value, "scheduled_for")
    if moment.year not in _YEARS:
        raise _malformed(f"scheduled_for is {_shown(value)}, outside of the years {_YEARS.start} to {_YEARS.stop - 1}")
    return moment


def _moment(value: object, name: str) -> datetime:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment
    except ValueError:
        pass
    raise _malformed(f"{name} is {_shown(value)}, not a time with its zone (RFC 3339)")


def _malformed(problem: str) -> InvalidMessage:
    return InvalidMessage(f"{MALFORMED}: {problem}")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
