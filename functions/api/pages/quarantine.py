"""/quarantine : source rows that a target could not hold, and reading their scopes again."""

from __future__ import annotations

from secrets import token_urlsafe
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.pages.calls import CallRefused, api, send
from functions.api.pages.going import see_other
from functions.api.pages.paging import asked_page, of_pagination
from functions.api.pages.refusals import plainly
from functions.api.pages.render import page

routes = Blueprint("quarantine", __name__)
_ROWS = 25
_NONE = {"page": 1, "pages": 1, "total": 0}
_STATES = ("open", "resolved")


@routes.get("/quarantine")
def show() -> Response:
    """The rows, newest first."""
    state = request.args.get("state", "")
    chosen = state if state in _STATES else None
    table = request.args.get("table", "").strip()
    asked = {"table": table, "state": chosen, "page": asked_page(), "page_size": _ROWS}
    reply = send("GET", api("quarantine"), query=asked)
    return page(
        "quarantine.html",
        status=reply.status,
        problem=None if reply.ok else plainly(reply.document),
        rows=reply.document["items"] if reply.ok else [],
        pages=of_pagination(reply.document["pagination"] if reply.ok else _NONE),
        table=table,
        states=_STATES,
        chosen=chosen,
        once=token_urlsafe(16),
    )


@routes.post("/tables/<table>/quarantine/replay")
def replay(table: str) -> AnyResponse:
    """Read the scopes of a table's quarantined rows again, and go to the run."""
    key = request.form.get("once") or token_urlsafe(16)
    reply = send("POST", api("tables", table, "quarantine", "replay"), headers={"Idempotency-Key": key})
    if not reply.ok:
        raise CallRefused(reply)
    return see_other(url_for("pages.runs.show", run_id=UUID(reply.document["run_id"])))
