"""What the notifier does with its messages: events of refresh-events, and calls of refresh-deliveries."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.messages import Delivery
from shared.domain.webhooks import Event
from shared.messaging import receive
from shared.messaging.endpoint import received
from shared.messaging.notifier_calls import call_notifier
from shared.ports import Bus, Store
from shared.webhooks.deliveries import fan_out
from shared.webhooks.dispatcher import Dispatcher


@dataclass(frozen=True, kw_only=True)
class Notifier:
    """Handles messages that may come twice, late, or at once. What is owed is committed before anything is sent."""

    store: Store
    bus: Bus
    dispatcher: Dispatcher

    def handle(self, delivery: Delivery) -> str:
        """Do what the message asks for and return a word for it. Raises InvalidMessage and RetryLater."""
        message = receive.notifier_message(delivery)
        owed = 0
        if isinstance(message, Event):
            with received(delivery, "owe event to webhooks", **{"refresh.event": message.type}):
                owed = fan_out(self.store, message)
        self.dispatcher.dispatch(lambda: call_notifier(self.bus))
        return f"owed to {owed} endpoints" if isinstance(message, Event) else "delivered what was due"
