"""Calls to the notifier to send what is due. They do not say what, so a lost one is made good by the next."""

from __future__ import annotations

from typing import Any

from shared.domain.messages import OwedMessage
from shared.domain.webhooks import DELIVERIES_TOPIC
from shared.messaging.receive import VERSION
from shared.ports import Bus, Store
from shared.sql import statement

DELIVER_DUE: dict[str, Any] = {"version": VERSION, "kind": "deliver_due"}


def call_notifier(bus: Bus) -> None:
    """Have what is due sent. RetryLater when Pub/Sub does not take the call."""
    bus.publish([OwedMessage(outbox_id=0, topic=DELIVERIES_TOPIC, payload=DELIVER_DUE)])


def call_notifier_if_due(store: Store, bus: Bus) -> bool:
    """Call it if something is due that nobody is sending, as after every sweep; whether it was."""
    with store.transaction() as session:
        due = bool(session.run(statement("deliveries_are_due"))[0]["due"])
    if due:
        call_notifier(bus)
    return due
