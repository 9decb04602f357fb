"""What a function answers to a delivery. Every function that takes messages goes through here, so all answer alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog

from shared import tracing
from shared.domain.errors import CommitUnknown, InvalidMessage, RetryLater
from shared.domain.messages import Delivery
from shared.messaging import dead_letter, receive
from shared.ports import Bus

_log = structlog.get_logger()

Answer = tuple[str, int]
"""A short text and an HTTP status."""


def answer(body: bytes, headers: Mapping[str, str], *, bus: Bus, handle: Callable[[Delivery], str]) -> Answer:
    """Handle a push request. `handle` returns a word for what it did, and raises what the delivery deserves.

    200: done, or not needed, or a poison message that now lies in the dead-letter topic with its reason. 400: this is
    no delivery, and none of Pub/Sub's ever gets it. 503: deliver again.
    """
    try:
        delivery = receive.delivery(body, headers)
    except InvalidMessage as error:
        _log.warning("delivery_refused", reason=error.reason)
        return error.reason, 400
    try:
        return _answer(delivery, bus, handle)
    finally:
        tracing.flush()


def _answer(delivery: Delivery, bus: Bus, handle: Callable[[Delivery], str]) -> Answer:
    try:
        did = _handled(delivery, bus, handle)
        _log.info("delivery_answered", message_id=delivery.message_id, did=did)
        return did, 200
    except (RetryLater, CommitUnknown) as error:
        _log.warning("delivery_postponed", message_id=delivery.message_id, error=str(error))
        return "deliver again: passing trouble", 503
    except Exception:
        _log.exception("delivery_failed", message_id=delivery.message_id)
        return "deliver again: unexpected trouble, see the log", 503


@contextmanager
def received(delivery: Delivery, what: str, **attributes: tracing.Value) -> Iterator[None]:
    """A span around what is done about a message, in the trace of whoever sent it."""
    about = {"messaging.system": "gcp_pubsub", "messaging.message.id": delivery.message_id, **attributes}
    with tracing.span(what, kind="consumer", parent=delivery.attributes.get("traceparent"), attributes=about):
        yield


def _handled(delivery: Delivery, bus: Bus, handle: Callable[[Delivery], str]) -> str:
    try:
        return handle(delivery)
    except InvalidMessage as error:
        dead_letter.send(bus, delivery, error.reason)
        _log.error("message_dead_lettered", message_id=delivery.message_id, reason=error.reason)
        return f"dead-lettered: {error.reason}"
