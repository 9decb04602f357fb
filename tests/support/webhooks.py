"""A notifier with real HTTP and a real database, in which time is moved instead of waited for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from shared.adapters.clock import SystemClock
from shared.adapters.egress import Egress
from shared.adapters.postgres import PostgresStore
from shared.adapters.secretbox import AesSecretBox, new_key
from shared.adapters.webhook import HttpWebhookSender
from shared.domain.messages import Delivery
from shared.domain.webhook_url import LoopbackReceivers
from shared.domain.webhooks import Endpoint
from shared.ports import Row, WebhookSender
from shared.webhooks.by_hand import DeliveriesByHand
from shared.webhooks.dispatcher import Dispatcher, DispatchLimits
from shared.webhooks.endpoints import Endpoints
from shared.webhooks.notifier import Notifier
from shared.webhooks.rules import EndpointDraft
from shared.webhooks.sealing import EndpointSecrets
from shared.webhooks.sending import Sending
from tests.support.control_plane import RecordingBus

LOOPBACK = LoopbackReceivers.parse("127.0.0.1:*")
ACTOR = "tester@example.com"


class CalmClock(SystemClock):
    """A `Clock` without chance."""

    def random(self) -> float:
        return 0.0


class Ending:
    """A `Shutdown` that is told by the test."""

    def __init__(self) -> None:
        self.told = False

    def requested(self) -> bool:
        return self.told


class Webhooks:
    """The control plane's webhooks: what operators do, what the notifier does, and what the database then holds."""

    def __init__(self, url: str, *, attempt_seconds: float = 5.0) -> None:
        self.store = PostgresStore(url)
        self.bus = RecordingBus()
        self.shutdown = Ending()
        self.sender = HttpWebhookSender(Egress(loopback=LOOPBACK), attempt_seconds=attempt_seconds)
        self.by_hand = DeliveriesByHand(store=self.store)
        self.key = new_key()
        self.use_keys(self.key)
        self._audited = self.run("SELECT coalesce(max(audit_id), 0) AS last FROM refresh.refresh_audit_log")[0]["last"]

    def use_keys(self, *keys: str) -> None:
        """Start again with these keys of secrets, the newest first."""
        self.secrets = EndpointSecrets(box=AesSecretBox(",".join(keys)))
        self.endpoints = Endpoints(store=self.store, secrets=self.secrets, loopback=LOOPBACK)
        self.notifier = self.new_notifier()

    def new_notifier(self, *, sender: WebhookSender | None = None, **limits: Any) -> Notifier:
        """Another process's, for all that the database can tell. It does not wait for retries."""
        clock = CalmClock()
        sending = Sending(store=self.store, sender=sender or self.sender, secrets=self.secrets, clock=clock)
        dispatcher = Dispatcher(
            store=self.store,
            sending=sending,
            clock=clock,
            shutdown=self.shutdown,
            limits=DispatchLimits(**{"patience": 0.0} | limits),
        )
        return Notifier(store=self.store, bus=self.bus, dispatcher=dispatcher)

    def run(self, sql: str, **parameters: Any) -> list[Row]:
        with self.store.transaction() as session:
            return session.run(sql, **parameters)

    def add(self, url: str, **fields: Any) -> tuple[Endpoint, str]:
        """An endpoint, and its secret."""
        return self.endpoints.create(EndpointDraft(url=url, **fields), actor=ACTOR)

    def announce(self, *, notifier: Notifier | None = None, **fields: Any) -> UUID:
        """Deliver an event to the notifier as Pub/Sub would; its id."""
        body = event(**fields)
        (notifier or self.notifier).handle(pushed(body))
        return UUID(body["id"])

    def deliver_due(self, *, notifier: Notifier | None = None) -> None:
        (notifier or self.notifier).handle(pushed({"version": 1, "kind": "deliver_due"}))

    def move_time(self, seconds: float) -> None:
        """Let so much time pass for deliveries and endpoints."""
        back = f"interval '{seconds} seconds'"
        self.run(f"UPDATE refresh.webhook_delivery SET next_attempt_at = next_attempt_at - {back}")
        self.run(f"UPDATE refresh.webhook_delivery SET lease_until = lease_until - {back}")
        self.run(
            f"UPDATE refresh.webhook_endpoint SET failing_since = failing_since - {back},"
            f" paused_until = paused_until - {back}, previous_secret_until = previous_secret_until - {back}"
        )

    def delivery(self, event_id: UUID | None = None) -> Row:
        """The only delivery, or the only one of the event."""
        rows = self.run(
            "SELECT *, extract(epoch FROM next_attempt_at - last_attempt_at)::float8 AS wait"
            " FROM refresh.webhook_delivery WHERE CAST(:id AS uuid) IS NULL OR event_id = :id",
            id=event_id,
        )
        assert len(rows) == 1, rows
        return rows[0]

    def states(self) -> list[str]:
        return [row["state"] for row in self.run("SELECT state FROM refresh.webhook_delivery ORDER BY created_at")]

    def audit(self) -> list[tuple[str, str]]:
        """What has happened to endpoints since the test began, and by whom."""
        rows = self.run(
            "SELECT event, details ->> 'by' AS by FROM refresh.refresh_audit_log WHERE event LIKE 'webhook%'"
            " AND audit_id > :last ORDER BY audit_id",
            last=self._audited,
        )
        return [(row["event"], row["by"]) for row in rows]


def event(**fields: Any) -> dict[str, Any]:
    """An event's envelope, as the database announces it."""
    values = {
        "id": str(uuid4()),
        "type": "refresh.completed",
        "occurred_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "run_id": str(uuid4()),
        "table": "sqp.asin_weekly",
        "data": {"outcome": "success", "reason": None, "error": None, "rows_inserted": 3},
    }
    return values | fields


def pushed(body: dict[str, Any]) -> Delivery:
    return Delivery(
        message_id=uuid4().hex,
        data=json.dumps(body).encode(),
        attributes={},
        published_at=None,
        subscription="projects/p/subscriptions/refresh-events-push",
    )
