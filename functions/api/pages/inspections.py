"""/tables/…/plan, /tables/…/verify : what a refresh would do, and whether a table holds what its source has.

Neither changes anything; what they find is on the page of their run.
"""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.pages.calls import CallRefused, Reply, api, read, send
from functions.api.pages.going import see_other
from functions.api.pages.render import page

routes = Blueprint("inspections", __name__)
_MODES = ("plan", "dry_run")


@routes.get("/tables/<table>/plan")
def plan(table: str) -> Response:
    """The two ways to find out what a refresh would do."""
    return _form("plan.html", table)


@routes.post("/tables/<table>/plan")
def do_plan(table: str) -> AnyResponse:
    """Find it out, by a run of its own, and go there."""
    mode = request.form.get("mode", "")
    body = {"tables": [table], "mode": mode if mode in _MODES else _MODES[0], "force": "force" in request.form}
    return _start("plan.html", table, "plan", body)


@routes.get("/tables/<table>/verify")
def verify(table: str) -> Response:
    """What comparing the table with its source means."""
    return _form("verify.html", table)


@routes.post("/tables/<table>/verify")
def do_verify(table: str) -> AnyResponse:
    """Compare them, by a run of its own, and go there."""
    return _start("verify.html", table, "verify", {"tables": [table]})


def _start(template: str, table: str, call: str, body: dict[str, Any]) -> AnyResponse:
    key = f"{call}-{request.form.get('once') or token_urlsafe(16)}"
    reply = send("POST", api(call), body=body, headers={"Idempotency-Key": key})
    if reply.ok:
        return see_other(url_for("pages.runs.show", run_id=UUID(reply.document["run_id"])))
    if reply.status not in (404, 409, 422):
        raise CallRefused(reply)
    return _form(template, table, reply)


def _form(template: str, table: str, reply: Reply | None = None) -> Response:
    history = read(api("history"), table=table, page_size=1)["items"]
    return page(
        template,
        status=200 if reply is None else reply.status,
        table=table,
        config=read(api("config", table)),
        last=history[0] if history else None,
        chosen=request.form.get("mode", _MODES[0]),
        forced="force" in request.form,
        problem=None if reply is None else reply.document["detail"],
        once=token_urlsafe(16),
    )
