"""Rows of endpoints and deliveries as records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from shared.domain.webhooks import DeliveryRecord, DeliveryState, Endpoint, EndpointKind, EndpointState
from shared.ports import Row, Session, Store
from shared.sql import statement
from shared.webhooks.rules import UnknownWebhook


@contextmanager
def acting(store: Store, actor: str) -> Iterator[Session]:
    """A transaction for somebody, whom the audit names."""
    with store.transaction() as session:
        session.run(statement("set_actor"), actor=actor)
        yield session


def read_endpoint(session: Session, endpoint_id: UUID, *, lock: bool = False) -> Endpoint:
    """UnknownWebhook when there is none; `lock`: keep everybody else off it until the transaction ends."""
    rows = session.run(statement("lock_webhook" if lock else "list_webhooks"), endpoint_id=endpoint_id)
    if not rows:
        raise UnknownWebhook(f"there is no webhook endpoint {endpoint_id}")
    return endpoint_of(rows[0])


def endpoint_of(row: Row) -> Endpoint:
    lists = {name: tuple(row[name]) for name in ("events", "tables")}
    return Endpoint(**row | lists | {"kind": EndpointKind(row["kind"]), "state": EndpointState(row["state"])})


def delivery_of(row: Row) -> DeliveryRecord:
    return DeliveryRecord(**row | {"state": DeliveryState(row["state"])})
