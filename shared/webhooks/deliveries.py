"""Deliveries in the database: owed by an event, claimed for an attempt, settled by what became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

import structlog

from shared.domain.errors import InvalidMessage, StoreRefused
from shared.domain.webhooks import Attempt, DeliveryState, EndpointKind, Event, WebhookResponse
from shared.planning.delivery import GIVE_UP_SECONDS, Fate, Verdict
from shared.ports import Row, Session, Store
from shared.sql import statement

_log = structlog.get_logger()

LEASE_SECONDS = 60.0
"""How long a claim lasts; well above the time limit of an attempt."""
PER_ENDPOINT = 4
"""Attempts under way at once for an endpoint that works."""
_DATA_EXCEPTION = "22"
_STATES = {
    Fate.DELIVERED: DeliveryState.DELIVERED,
    Fate.RETRY: DeliveryState.PENDING,
    Fate.FAILED: DeliveryState.FAILED,
    Fate.GONE: DeliveryState.FAILED,
}
GONE = "the receiver answered 410 Gone"
GIVEN_UP = "nothing could be delivered for 5 days"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An attempt that was made."""

    attempt: Attempt
    verdict: Verdict
    response: WebhookResponse | None
    duration_ms: int


def fan_out(store: Store, event: Event) -> int:
    """Owe the event to every endpoint that wants it, once, and return to how many that was new.

    InvalidMessage when the database cannot hold the event.
    """
    try:
        with store.transaction() as session:
            rows = session.run(
                statement("fan_out_event"),
                event_id=event.event_id,
                type=event.type,
                table=event.table,
                occurred_at=event.occurred_at,
                payload=json.dumps(event.payload),
            )
    except StoreRefused as error:
        if error.sqlstate.startswith(_DATA_EXCEPTION):
            raise InvalidMessage(f"malformed: the event cannot be stored ({error})") from error
        raise
    return len(rows)


def claim(store: Store, *, limit: int) -> list[Attempt]:
    """Claim at most `limit` due deliveries, the oldest of every endpoint before the next of any."""
    with store.transaction() as session:
        endpoints = [row["endpoint_id"] for row in session.run(statement("lock_endpoints_with_due"))]
        if not endpoints:
            return []
        rows = session.run(
            statement("claim_deliveries"),
            endpoint_ids=endpoints,
            per_endpoint=PER_ENDPOINT,
            limit=limit,
            lease_seconds=LEASE_SECONDS,
        )
    return [_attempt(row) for row in rows]


def seconds_to_next(store: Store) -> float | None:
    """Seconds until something can be claimed, 0 if it could already; None when nothing waits."""
    with store.transaction() as session:
        rows = session.run(statement("next_delivery"), per_endpoint=PER_ENDPOINT)
    return max(rows[0]["seconds"], 0.0) if rows else None


def settle(store: Store, outcome: Outcome) -> bool:
    """Note what became of an attempt; False when its claim was taken over. Doing it twice does no harm."""
    attempt, verdict = outcome.attempt, outcome.verdict
    with store.transaction() as session:
        rows = session.run(
            statement("settle_delivery"),
            delivery_id=attempt.delivery_id,
            epoch=attempt.epoch,
            state=_STATES[verdict.fate].value,
            status=outcome.response.status if outcome.response else None,
            excerpt=(outcome.response.excerpt or None) if outcome.response else None,
            error=verdict.error,
            duration_ms=outcome.duration_ms,
            delay=verdict.delay or 0.0,
        )
        if rows:
            _note_endpoint(session, attempt, verdict)
    return bool(rows)


def _note_endpoint(session: Session, attempt: Attempt, verdict: Verdict) -> None:
    endpoint = {"endpoint_id": attempt.endpoint_id}
    if verdict.fate is Fate.DELIVERED:
        session.run(statement("note_endpoint_works"), **endpoint)
        return
    fails = {"pause": verdict.pause, "give_up_seconds": GIVE_UP_SECONDS}
    rows = session.run(statement("note_endpoint_fails"), **endpoint, **fails)
    given_up = bool(rows) and rows[0]["given_up"]
    if verdict.fate is Fate.GONE or given_up:
        reason = GONE if verdict.fate is Fate.GONE else GIVEN_UP
        session.run(statement("set_actor"), actor="notifier")
        session.run(statement("disable_webhook"), **endpoint, reason=reason)
        _log.error("webhook_disabled", endpoint=str(attempt.endpoint_id), reason=reason)


def _attempt(row: Row) -> Attempt:
    sealed = (row.pop("secret"), row.pop("previous_secret"))
    kind = EndpointKind(row.pop("kind"))
    return Attempt(kind=kind, sealed_secrets=tuple(one for one in sealed if one is not None), **row)
