"""Endpoints as operators keep them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from shared.domain.webhook_url import NO_LOOPBACK, LoopbackReceivers, WebhookUrl
from shared.domain.webhooks import DISABLED_BY_HAND, TROUBLE, Endpoint, EndpointKind, EndpointState
from shared.ports import Session, Store
from shared.sql import statement
from shared.webhooks.records import acting, endpoint_of, read_endpoint
from shared.webhooks.rules import (
    MAX_ENDPOINTS,
    MAX_OVERLAP_HOURS,
    EndpointChange,
    EndpointDraft,
    WebhookConflict,
    WebhookRefused,
    check,
    check_version,
)
from shared.webhooks.sealing import EndpointSecrets, new_secret

_SHOWN_END = 4


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """The operations. `actor` is who asked, for the audit. After those that owe a delivery, flush the outbox.

    `loopback`: receivers on this machine that are allowed; none outside of tests and local stacks.
    """

    store: Store
    secrets: EndpointSecrets
    loopback: LoopbackReceivers = NO_LOOPBACK

    def all(self) -> list[Endpoint]:
        """All of them, oldest first."""
        with self.store.transaction() as session:
            return [endpoint_of(row) for row in session.run(statement("list_webhooks"), endpoint_id=None)]

    def read(self, endpoint_id: UUID) -> Endpoint:
        """UnknownWebhook when there is none."""
        with self.store.transaction() as session:
            return read_endpoint(session, endpoint_id)

    def create(self, draft: EndpointDraft, *, actor: str) -> tuple[Endpoint, str]:
        """The endpoint, and its signing secret, which is never shown again. WebhookRefused, WebhookConflict."""
        check(draft.description, draft.events, draft.tables)
        url = self._url(draft.url)
        endpoint_id, secret = uuid4(), new_secret()
        default = TROUBLE if draft.kind is EndpointKind.SLACK else ()
        shown, sealed = self._shown_and_sealed(endpoint_id, draft.kind, url)
        with acting(self.store, actor) as session:
            rows = session.run(
                statement("insert_webhook"),
                endpoint_id=endpoint_id,
                url=shown,
                sealed_url=sealed,
                kind=draft.kind.value,
                secret=self.secrets.seal(endpoint_id, secret),
                description=draft.description,
                events=list(default if draft.events is None else draft.events),
                tables=list(draft.tables),
                most=MAX_ENDPOINTS,
            )
            if not rows:
                raise WebhookConflict(f"there are {MAX_ENDPOINTS} endpoints already; delete one first")
        return endpoint_of(rows[0]), secret

    def update(self, endpoint_id: UUID, change: EndpointChange, *, actor: str, version: int | None = None) -> Endpoint:
        """The endpoint as changed. UnknownWebhook, WebhookRefused; WebhookChanged when `version` is no longer its."""
        check(change.description or "", change.events, change.tables or ())
        with acting(self.store, actor) as session:
            before = read_endpoint(session, endpoint_id, lock=True)
            check_version(before, version)
            shown, sealed = before.url, None
            if change.url not in (None, before.url):
                shown, sealed = self._shown_and_sealed(endpoint_id, before.kind, self._url(change.url or ""))
            wanted = {
                "url": shown,
                "description": before.description if change.description is None else change.description,
                "events": list(before.events if change.events is None else change.events),
                "tables": list(before.tables if change.tables is None else change.tables),
            }
            if sealed is not None or any(wanted[name] != _plain(getattr(before, name)) for name in wanted):
                session.run(
                    statement("update_webhook"),
                    endpoint_id=endpoint_id,
                    sealed_url=sealed,
                    is_moved=sealed is not None,
                    **wanted,
                )
            _set_state(session, endpoint_id, change.state)
            return read_endpoint(session, endpoint_id, lock=True)

    def delete(self, endpoint_id: UUID, *, actor: str, version: int | None = None) -> Endpoint:
        """Remove it with its deliveries, and return what it was. UnknownWebhook; WebhookChanged when `version` is no
        longer its."""
        with acting(self.store, actor) as session:
            endpoint = read_endpoint(session, endpoint_id, lock=True)
            check_version(endpoint, version)
            session.run(statement("delete_webhook"), endpoint_id=endpoint_id)
        return endpoint

    def rotate_secret(
        self, endpoint_id: UUID, *, actor: str, overlap_hours: float = 24.0
    ) -> tuple[str, datetime | None]:
        """A new secret, and until when the one before signs along; at most a week. UnknownWebhook, WebhookRefused.

        All that is sealed of the endpoint is sealed with the newest key afterwards. A secret that no key opens any more
        does not sign along.
        """
        if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
            raise WebhookRefused("overlap_hours", f"must be between 0 and {MAX_OVERLAP_HOURS:.0f}")
        secret = new_secret()
        with acting(self.store, actor) as session:
            read_endpoint(session, endpoint_id, lock=True)
            (before,) = session.run(statement("sealed_of_webhook"), endpoint_id=endpoint_id)
            rows = session.run(
                statement("rotate_webhook_secret"),
                endpoint_id=endpoint_id,
                secret=self.secrets.seal(endpoint_id, secret),
                previous=self.secrets.reseal(endpoint_id, before["secret"]) if overlap_hours else None,
                sealed_url=self.secrets.reseal(endpoint_id, before["sealed_url"]),
                overlap_seconds=overlap_hours * 3600,
            )
        return secret, rows[0]["previous_secret_until"]

    def _url(self, text: str) -> str:
        try:
            WebhookUrl.parse(text, loopback=self.loopback)
        except ValueError as error:
            raise WebhookRefused("url", str(error)) from error
        return text

    def _shown_and_sealed(self, endpoint_id: UUID, kind: EndpointKind, url: str) -> tuple[str, bytes | None]:
        if kind is not EndpointKind.SLACK:
            return url, None
        parsed = WebhookUrl.parse(url, loopback=self.loopback)
        shown = f"{parsed.scheme}://{parsed.authority}/…{parsed.target[1:][-_SHOWN_END:]}"
        return shown, self.secrets.seal(endpoint_id, url)


def _set_state(session: Session, endpoint_id: UUID, state: EndpointState | None) -> None:
    if state is EndpointState.ENABLED:
        session.run(statement("enable_webhook"), endpoint_id=endpoint_id)
    elif state is EndpointState.DISABLED:
        session.run(statement("disable_webhook"), endpoint_id=endpoint_id, reason=DISABLED_BY_HAND)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
