"""/webhooks : who is told what; made, tested, watched, sent again, given a new secret, removed."""

from __future__ import annotations

from typing import Any, get_args
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.pages.calls import CallRefused, Reply, api, read, send
from functions.api.pages.going import see_other
from functions.api.pages.render import page
from functions.api.schemas.webhooks import EventType
from shared import wiring

routes = Blueprint("webhooks", __name__)
_EVENTS = get_args(EventType.__value__)
_STATES = ("pending", "delivered", "failed")
_SAID = {
    "test": "A test event is on its way; its delivery is below.",
    "again": "It is sent again; what became of it is below.",
    "changed": "Changed.",
}


@routes.get("/webhooks")
def listed() -> Response:
    """All endpoints."""
    return page("webhooks.html", hooks=_all(), enabled=wiring.settings().webhook_secret_key is not None)


@routes.get("/webhooks/new")
def new() -> Response:
    """The form for another one."""
    return _draft()


@routes.post("/webhooks/new")
def create() -> Response:
    """Make it, and show its secret, which is not shown again."""
    form = request.form
    body = {
        "url": form.get("url", "").strip(),
        "kind": form.get("kind", "standard"),
        "description": form.get("description", "").strip(),
        "tables": form.get("tables", "").split(),
    } | ({"events": form.getlist("events")} if form.get("which") == "some" else {})
    reply = send("POST", api("webhooks"), body=body)
    if not reply.ok:
        return _draft(given=body, reply=reply)
    return _secret(UUID(reply.document["endpoint_id"]), reply.document, made=True)


@routes.get("/webhooks/<uuid:endpoint_id>")
def show(endpoint_id: UUID) -> Response:
    """One endpoint, and what was sent there."""
    hook = read(api("webhooks", endpoint_id))
    state = request.args.get("state", "")
    deliveries = read(
        api("webhooks", endpoint_id, "deliveries"),
        limit=25,
        state=state if state in _STATES else None,
        after=request.args.get("after"),
    )
    return page(
        "webhook.html",
        hook=hook,
        deliveries=deliveries["items"],
        further=deliveries["next"],
        states=_STATES,
        chosen=state,
        said=_SAID.get(request.args.get("said", "")),
    )


@routes.post("/webhooks/<uuid:endpoint_id>/test")
def test(endpoint_id: UUID) -> AnyResponse:
    """Send a test event there."""
    return _done(send("POST", api("webhooks", endpoint_id, "test")), endpoint_id, "test")


@routes.post("/webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/redeliver")
def redeliver(endpoint_id: UUID, delivery_id: UUID) -> AnyResponse:
    """Send an event there again."""
    reply = send("POST", api("webhooks", endpoint_id, "deliveries", delivery_id, "redeliver"))
    return _done(reply, endpoint_id, "again")


@routes.get("/webhooks/<uuid:endpoint_id>/<any(enable, disable, rotate, delete):what>")
def confirm(endpoint_id: UUID, what: str) -> Response:
    """What is about to be done to the endpoint, and what follows from it."""
    return page("webhook_confirm.html", hook=read(api("webhooks", endpoint_id)), what=what)


@routes.post("/webhooks/<uuid:endpoint_id>/<any(enable, disable):what>")
def switch(endpoint_id: UUID, what: str) -> AnyResponse:
    """Have events sent there, or no longer."""
    reply = send("PUT", api("webhooks", endpoint_id), body={"state": f"{what}d"})
    return _done(reply, endpoint_id, "changed")


@routes.post("/webhooks/<uuid:endpoint_id>/rotate")
def rotate(endpoint_id: UUID) -> AnyResponse:
    """Give it another secret, and show that this once."""
    hours = request.form.get("overlap_hours", "24")
    body = {"overlap_hours": float(hours) if hours.replace(".", "", 1).isdecimal() else hours}
    reply = send("POST", api("webhooks", endpoint_id, "rotate-secret"), body=body)
    if not reply.ok:
        raise CallRefused(reply)
    return _secret(endpoint_id, reply.document, made=False)


@routes.post("/webhooks/<uuid:endpoint_id>/delete")
def delete(endpoint_id: UUID) -> AnyResponse:
    """Remove it with its deliveries."""
    reply = send("DELETE", api("webhooks", endpoint_id), headers={"If-Match": request.form.get("version", "*")})
    if not reply.ok:
        raise CallRefused(reply)
    return see_other(url_for("pages.webhooks.listed"))


def _all() -> list[dict[str, Any]]:
    if wiring.settings().webhook_secret_key is None:
        return []
    hooks: list[dict[str, Any]] = read(api("webhooks"))["items"]
    return hooks


def _draft(*, given: dict[str, Any] | None = None, reply: Reply | None = None) -> Response:
    problem = None if reply is None else reply.document
    wrong = {one["field"].split(".")[0]: one["problem"] for one in (problem or {}).get("errors") or ()}
    return page(
        "webhook_new.html",
        status=200 if reply is None else reply.status,
        given=given or {},
        events=_EVENTS,
        wrong=wrong,
        problem=None if wrong or problem is None else problem["detail"],
    )


def _secret(endpoint_id: UUID, document: Any, *, made: bool) -> Response:
    return page(
        "webhook_secret.html",
        endpoint_id=endpoint_id,
        secret=document["secret"],
        until=document.get("previous_secret_until"),
        made=made,
    )


def _done(reply: Reply, endpoint_id: UUID, said: str) -> AnyResponse:
    if not reply.ok:
        raise CallRefused(reply)
    return see_other(url_for("pages.webhooks.show", endpoint_id=endpoint_id, said=said))
