"""/tables/…/shadow : how a table's shadow differs from it; making the shadow live, and going back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.pages.calls import Reply, api, read, send
from functions.api.pages.going import see_other
from functions.api.pages.render import page

routes = Blueprint("shadows", __name__)
_DAYS = 30


@routes.get("/tables/<table>/shadow")
def show(table: str) -> Response:
    """Day by day, and the rows of the latest difference."""
    return page("shadow.html", table=table, report=_report(table))


@routes.get("/tables/<table>/promote")
def promote(table: str) -> Response:
    """What making the shadow live will do."""
    return _confirm(table, "promote")


@routes.post("/tables/<table>/promote")
def do_promote(table: str) -> AnyResponse:
    """Make it live, and go to the run that did."""
    reason = request.form.get("reason", "").strip()
    body: dict[str, Any] = {"force": "force" in request.form} | ({"reason": reason} if reason else {})
    reply = send("POST", api("tables", table, "promote"), body=body)
    if not reply.ok:
        return _confirm(table, "promote", reply)
    return see_other(url_for("pages.runs.show", run_id=UUID(reply.document["run_id"])))


@routes.get("/tables/<table>/demote")
def demote(table: str) -> Response:
    """What going back to shadow mode will do."""
    return _confirm(table, "demote")


@routes.post("/tables/<table>/demote")
def do_demote(table: str) -> AnyResponse:
    """Go back."""
    reply = send("POST", api("tables", table, "demote"), body={"reason": request.form.get("reason", "").strip()})
    if not reply.ok:
        return _confirm(table, "demote", reply)
    return see_other(url_for("pages.shadows.show", table=table))


def _confirm(table: str, what: str, reply: Reply | None = None) -> Response:
    return page(
        "shadow_confirm.html",
        status=200 if reply is None else reply.status,
        table=table,
        what=what,
        report=_report(table),
        problem=None if reply is None else reply.document["detail"],
        reason=request.form.get("reason", ""),
        forced="force" in request.form,
    )


def _report(table: str) -> Any:
    return read(api("tables", table, "shadow-report"), days=_DAYS)
