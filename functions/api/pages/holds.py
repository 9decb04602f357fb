"""/tables/…/release, /tables/…/refuse : decide about a delivery that was held."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.pages.calls import Reply, api, read, send
from functions.api.pages.going import see_other
from functions.api.pages.render import page

routes = Blueprint("holds", __name__)


@routes.get("/tables/<table>/release")
def release(table: str) -> Response:
    """What publishing it anyway will do."""
    return _confirm(table, "release", request.args.get("run_id"))


@routes.post("/tables/<table>/release")
def do_release(table: str) -> AnyResponse:
    """Publish what was held, by a run of its own, and go there."""
    run_id = request.form.get("run_id") or None
    key = request.form.get("once") or token_urlsafe(16)
    reply = send("POST", api("tables", table, "release"), body={"run_id": run_id}, headers={"Idempotency-Key": key})
    if not reply.ok:
        return _confirm(table, "release", run_id, reply=reply)
    return see_other(url_for("pages.runs.show", run_id=UUID(reply.document["run_id"])))


@routes.get("/tables/<table>/refuse")
def refuse(table: str) -> Response:
    """What refusing it for good will do."""
    return _confirm(table, "refuse", request.args.get("run_id"))


@routes.post("/tables/<table>/refuse")
def do_refuse(table: str) -> AnyResponse:
    """Refuse it, with the reason for the trail."""
    run_id = request.form.get("run_id") or None
    body = {"run_id": run_id, "reason": request.form.get("reason", "")}
    reply = send("POST", api("tables", table, "refuse"), body=body)
    if not reply.ok:
        return _confirm(table, "refuse", run_id, reply=reply)
    return see_other(url_for("pages.tables.show", table=table, said="refused"))


def _confirm(table: str, what: str, run_id: str | None, *, reply: Reply | None = None) -> Response:
    return page(
        "hold.html",
        status=200 if reply is None else reply.status,
        table=table,
        what=what,
        held=_held(table, run_id),
        run_id=run_id,
        problem=None if reply is None else reply.document["detail"],
        reason=request.form.get("reason", ""),
        once=token_urlsafe(16),
    )


def _held(table: str, run_id: str | None) -> dict[str, Any] | None:
    """The refresh that was held: the one that is named, else the latest."""
    items: list[dict[str, Any]] = read(api("history"), table=table, status="held", page_size=20)["items"]
    return next((one for one in items if run_id in (None, one["run_id"])), None)
