"""What operators do with deliveries: look at them, send a test, send again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.domain.webhooks import DELIVERIES_TOPIC, TEST_EVENT, DeliveryRecord, DeliveryState, EndpointState
from shared.messaging.notifier_calls import DELIVER_DUE
from shared.ports import Session, Store
from shared.sql import statement
from shared.webhooks.records import acting, delivery_of, read_endpoint
from shared.webhooks.rules import UnknownWebhook, WebhookConflict


@dataclass(frozen=True, kw_only=True)
class DeliveriesByHand:
    """The operations. `actor` is who asked, for the audit. After those that owe something, flush the outbox."""

    store: Store

    def send_test(self, endpoint_id: UUID, *, actor: str) -> UUID:
        """Owe a test event to the endpoint alone; its delivery's id. UnknownWebhook; WebhookConflict: disabled."""
        with acting(self.store, actor) as session:
            _lock_enabled(session, endpoint_id)
            rows = session.run(statement("insert_test_delivery"), endpoint_id=endpoint_id, type=TEST_EVENT)
            delivery_id: UUID = rows[0]["delivery_id"]
            _owed_by_hand(session, endpoint_id, "webhook_tested", {"delivery_id": str(delivery_id)})
        return delivery_id

    def page(
        self,
        endpoint_id: UUID,
        *,
        limit: int,
        after: UUID | None = None,
        state: DeliveryState | None = None,
    ) -> list[DeliveryRecord]:
        """At most `limit`, newest first, those after the delivery `after` of the page before. UnknownWebhook."""
        with self.store.transaction() as session:
            read_endpoint(session, endpoint_id)
            rows = session.run(
                statement("list_deliveries"),
                endpoint_id=endpoint_id,
                limit=limit,
                after=after,
                state=state.value if state else None,
            )
        return [delivery_of(row) for row in rows]

    def read(self, endpoint_id: UUID, delivery_id: UUID) -> DeliveryRecord:
        """One delivery. UnknownWebhook when the endpoint has none such."""
        with self.store.transaction() as session:
            rows = session.run(statement("read_delivery"), endpoint_id=endpoint_id, delivery_id=delivery_id)
        if not rows:
            raise UnknownWebhook(f"endpoint {endpoint_id} has no delivery {delivery_id}")
        return delivery_of(rows[0])

    def redeliver(self, endpoint_id: UUID, delivery_id: UUID, *, actor: str) -> None:
        """Owe a delivery again, with the same id. UnknownWebhook; WebhookConflict: disabled, or under way just now."""
        with acting(self.store, actor) as session:
            _lock_enabled(session, endpoint_id)
            which = {"endpoint_id": endpoint_id, "delivery_id": delivery_id}
            if not session.run(statement("redeliver"), **which):
                if session.run(statement("read_delivery"), **which):
                    raise WebhookConflict("the delivery is being sent at this moment; look at it again in a minute")
                raise UnknownWebhook(f"endpoint {endpoint_id} has no delivery {delivery_id}")
            _owed_by_hand(session, endpoint_id, "webhook_redelivered", {"delivery_id": str(delivery_id)})

    def recover(self, endpoint_id: UUID, *, since: datetime, actor: str) -> int:
        """Owe again all that failed since a moment (aware); how many those are. UnknownWebhook, WebhookConflict."""
        with acting(self.store, actor) as session:
            _lock_enabled(session, endpoint_id)
            owed = len(session.run(statement("recover_deliveries"), endpoint_id=endpoint_id, since=since))
            details = {"since": since.isoformat(), "deliveries": owed}
            _owed_by_hand(session, endpoint_id, "webhook_recovered", details)
        return owed


def _lock_enabled(session: Session, endpoint_id: UUID) -> None:
    endpoint = read_endpoint(session, endpoint_id, lock=True)
    if endpoint.state is EndpointState.DISABLED:
        raise WebhookConflict(f"the endpoint is disabled ({endpoint.disabled_reason}); enable it first")


def _owed_by_hand(session: Session, endpoint_id: UUID, event: str, details: dict[str, Any]) -> None:
    session.run(statement("audit_webhook"), endpoint_id=endpoint_id, event=event, details=json.dumps(details))
    session.run(statement("owe_deliver_due"), topic=DELIVERIES_TOPIC, payload=json.dumps(DELIVER_DUE))
