"""/runs/…/rollback : take back what a run has published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.pages.calls import Reply, api, read, send
from functions.api.pages.going import see_other
from functions.api.pages.render import page

routes = Blueprint("rollback", __name__)
_WRITTEN = ("rows_inserted", "rows_updated", "rows_deleted")


@routes.get("/runs/<uuid:run_id>/rollback")
def show(run_id: UUID) -> Response:
    """Which tables become what they were."""
    return _confirm(run_id, chosen=request.args.getlist("table"))


@routes.post("/runs/<uuid:run_id>/rollback")
def take_back(run_id: UUID) -> AnyResponse:
    """Take them back, in one transaction."""
    tables = request.form.getlist("table")
    body = {"tables": tables, "reason": request.form.get("reason", "").strip()}
    reply = send("POST", api("runs", run_id, "rollback"), body=body)
    if not reply.ok:
        return _confirm(run_id, chosen=tables, reply=reply)
    return see_other(url_for("pages.runs.show", run_id=run_id, said="rolled_back"))


def _confirm(run_id: UUID, *, chosen: list[str], reply: Reply | None = None) -> Response:
    run = read(api("runs", run_id))
    written = [one for one in run["tables"] if _wrote(one)]
    return page(
        "rollback.html",
        status=200 if reply is None else reply.status,
        run=run,
        written=written,
        chosen=chosen or [one["table"] for one in written],
        problem=None if reply is None else reply.document,
        reason=request.form.get("reason", ""),
    )


def _wrote(one: Mapping[str, Any]) -> bool:
    return one["status"] in ("success", "warning") and any(one[name] for name in _WRITTEN)
