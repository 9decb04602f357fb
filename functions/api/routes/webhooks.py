"""/api/refresh/webhooks: who is told what, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint

from functions.api.access import caller
from functions.api.contract import call
from functions.api.preconditions import etag, matched, precondition_failed
from functions.api.problems import Refused, not_found
from functions.api.routes.runs import publish_owed
from functions.api.schemas.problem import FieldProblem
from functions.api.schemas.webhooks import (
    DeliveriesQuery,
    DeliveryOwed,
    Recovered,
    RecoverRequest,
    Rotated,
    RotationRequest,
    Webhook,
    WebhookChange,
    WebhookCreated,
    WebhookDeliveries,
    WebhookDelivery,
    WebhookDraft,
    Webhooks,
)
from shared import wiring
from shared.domain.webhooks import DeliveryState, Endpoint, EndpointKind, EndpointState
from shared.webhooks.rules import (
    EndpointChange,
    EndpointDraft,
    UnknownWebhook,
    WebhookChanged,
    WebhookConflict,
    WebhookRefused,
)

routes = Blueprint("webhooks", __name__)
_PATH = {"endpoint_id": "The endpoint's id."}
_DELIVERY_PATH = _PATH | {"delivery_id": "The delivery's id."}
_ALL = "/api/refresh/webhooks"
_ONE = f"{_ALL}/<uuid:endpoint_id>"

Tagged = tuple[Webhook, HTTPStatus, dict[str, str]]
Owed = tuple[DeliveryOwed, HTTPStatus, dict[str, str]]


@routes.get(_ALL)
@call(Webhooks, tag="webhooks")
def list_webhooks() -> Webhooks:
    """All endpoints, oldest first."""
    return Webhooks(items=[Webhook(**asdict(one)) for one in wiring.webhook_endpoints().all()])


@routes.post(_ALL)
@call(WebhookCreated, tag="webhooks", status=HTTPStatus.CREATED, errors=(409,), tagged=True, located=True)
def create_webhook(json: WebhookDraft) -> tuple[WebhookCreated, HTTPStatus, dict[str, str]]:
    """Have events sent somewhere, from now on. The answer holds the signing secret, which is not shown again.

    409: there are as many endpoints as there may be.
    """
    draft = EndpointDraft(
        url=json.url,
        kind=EndpointKind(json.kind),
        description=json.description,
        events=None if json.events is None else tuple(json.events),
        tables=tuple(json.tables),
    )
    with _refusals():
        endpoint, secret = wiring.webhook_endpoints().create(draft, actor=caller().subject)
    headers = {"Location": f"{_ALL}/{endpoint.endpoint_id}"} | etag(endpoint.version)
    return WebhookCreated(**asdict(endpoint), secret=secret), HTTPStatus.CREATED, headers


@routes.get(_ONE)
@call(Webhook, tag="webhooks", errors=(404,), paths=_PATH, tagged=True)
def get_webhook(endpoint_id: UUID) -> Tagged:
    """An endpoint. Its ETag is for If-Match."""
    with _refusals():
        return _tagged(wiring.webhook_endpoints().read(endpoint_id))


@routes.put(_ONE)
@call(Webhook, tag="webhooks", errors=(404, 412), paths=_PATH, tagged=True)
def change_webhook(endpoint_id: UUID, json: WebhookChange) -> Tagged:
    """Change an endpoint; enable one that was disabled. 412: it was changed since it was read."""
    change = EndpointChange(
        url=json.url,
        description=json.description,
        events=None if json.events is None else tuple(json.events),
        tables=None if json.tables is None else tuple(json.tables),
        state=None if json.state is None else EndpointState(json.state),
    )
    with _refusals():
        return _tagged(
            wiring.webhook_endpoints().update(
                endpoint_id, change, actor=caller().subject, version=_matched(endpoint_id)
            )
        )


@routes.delete(_ONE)
@call(Webhook, tag="webhooks", errors=(404, 412), paths=_PATH)
def delete_webhook(endpoint_id: UUID) -> Webhook:
    """Remove an endpoint with its deliveries; the answer is what it was. 412: it was changed since it was read."""
    with _refusals():
        endpoint = wiring.webhook_endpoints().delete(endpoint_id, actor=caller().subject, version=_matched(endpoint_id))
    return Webhook(**asdict(endpoint))


@routes.post(f"{_ONE}/rotate-secret")
@call(Rotated, tag="webhooks", errors=(404,), paths=_PATH)
def rotate_webhook_secret(endpoint_id: UUID, json: RotationRequest) -> Rotated:
    """Make a new signing secret. Until the overlap is over, deliveries carry a signature of the one before as well."""
    with _refusals():
        secret, until = wiring.webhook_endpoints().rotate_secret(
            endpoint_id, actor=caller().subject, overlap_hours=json.overlap_hours
        )
    return Rotated(secret=secret, previous_secret_until=until)


@routes.post(f"{_ONE}/test")
@call(DeliveryOwed, tag="webhooks", status=HTTPStatus.ACCEPTED, errors=(404, 409), paths=_PATH, located=True)
def test_webhook(endpoint_id: UUID) -> Owed:
    """Send an event of type webhook.test to this endpoint alone. 409: the endpoint is disabled."""
    with _refusals():
        delivery_id = wiring.webhook_deliveries().send_test(endpoint_id, actor=caller().subject)
    return _owed(endpoint_id, delivery_id)


@routes.get(f"{_ONE}/deliveries")
@call(WebhookDeliveries, tag="webhooks", errors=(404,), paths=_PATH)
def list_webhook_deliveries(endpoint_id: UUID, query: DeliveriesQuery) -> WebhookDeliveries:
    """What was sent, newest first, and what became of it. Deliveries are kept for 30 days after their end."""
    with _refusals():
        found = wiring.webhook_deliveries().page(
            endpoint_id,
            limit=query.limit + 1,
            after=query.after,
            state=None if query.state is None else DeliveryState(query.state),
        )
    items = [WebhookDelivery(**asdict(one)) for one in found[: query.limit]]
    return WebhookDeliveries(items=items, next=items[-1].delivery_id if len(found) > query.limit else None)


@routes.get(f"{_ONE}/deliveries/<uuid:delivery_id>")
@call(WebhookDelivery, tag="webhooks", errors=(404,), paths=_DELIVERY_PATH)
def get_webhook_delivery(endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """One delivery."""
    with _refusals():
        return WebhookDelivery(**asdict(wiring.webhook_deliveries().read(endpoint_id, delivery_id)))


@routes.post(f"{_ONE}/deliveries/<uuid:delivery_id>/redeliver")
@call(DeliveryOwed, tag="webhooks", status=HTTPStatus.ACCEPTED, errors=(404, 409), paths=_DELIVERY_PATH, located=True)
def redeliver_webhook(endpoint_id: UUID, delivery_id: UUID) -> Owed:
    """Send an event again, with the same id, whatever became of it before. 409: disabled, or being sent just now."""
    with _refusals():
        wiring.webhook_deliveries().redeliver(endpoint_id, delivery_id, actor=caller().subject)
    return _owed(endpoint_id, delivery_id)


@routes.post(f"{_ONE}/recover")
@call(Recovered, tag="webhooks", status=HTTPStatus.ACCEPTED, errors=(404, 409), paths=_PATH)
def recover_webhook(endpoint_id: UUID, json: RecoverRequest) -> tuple[Recovered, HTTPStatus]:
    """Send again all that failed since a moment, what was missed while the endpoint was disabled included."""
    with _refusals():
        owed = wiring.webhook_deliveries().recover(endpoint_id, since=json.since, actor=caller().subject)
    publish_owed()
    return Recovered(deliveries=owed), HTTPStatus.ACCEPTED


def _owed(endpoint_id: UUID, delivery_id: UUID) -> Owed:
    publish_owed()
    url = f"{_ALL}/{endpoint_id}/deliveries/{delivery_id}"
    return DeliveryOwed(delivery_id=delivery_id, url=url), HTTPStatus.ACCEPTED, {"Location": url}


def _tagged(endpoint: Endpoint) -> Tagged:
    return Webhook(**asdict(endpoint)), HTTPStatus.OK, etag(endpoint.version)


def _matched(endpoint_id: UUID) -> int | None:
    return matched(lambda: wiring.webhook_endpoints().read(endpoint_id).version)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except UnknownWebhook as error:
        raise not_found(f"{error}.") from error
    except WebhookRefused as error:
        fields = [FieldProblem(field=error.field, problem=error.problem)]
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", f"{error}.", errors=fields) from error
    except WebhookConflict as error:
        raise Refused(HTTPStatus.CONFLICT, "webhook_conflict", f"{error}.") from error
    except WebhookChanged as error:
        raise precondition_failed(f"{error}.", error.current) from error
