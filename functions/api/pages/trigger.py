"""/trigger : refresh tables now, having read what that will do."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.overview import read_overview
from functions.api.pages.calls import api, read, send
from functions.api.pages.going import see_other
from functions.api.pages.render import page

routes = Blueprint("trigger", __name__)
_LISTED = 200
_WITHOUT_EFFECT = ("plan", "verify")


@routes.get("/trigger")
def show() -> Response:
    """What can be refreshed, and what that means."""
    return _form(chosen=request.args.getlist("table"))


@routes.post("/trigger")
def start() -> AnyResponse:
    """Start the run, and go to where it can be watched."""
    everything = request.form.get("which") == "all"
    tables = _tables(request.form)
    body: dict[str, Any] = {} if everything else {"tables": tables}
    call = request.form.get("do", "") if request.form.get("do") in _WITHOUT_EFFECT else "trigger"
    if call != "verify":
        body["force"] = "force" in request.form
    key = f"{call}-{request.form.get('once') or token_urlsafe(16)}"
    reply = send("POST", api(call), body=body, headers={"Idempotency-Key": key})
    if not reply.ok:
        return _form(chosen=tables, problem=reply.document, status=reply.status, everything=everything)
    return see_other(url_for("pages.runs.show", run_id=UUID(reply.document["run_id"])))


def _tables(form: Any) -> list[str]:
    """Those that were ticked, and those that were typed."""
    return list(dict.fromkeys([*form.getlist("table"), *form.get("typed", "").replace(",", " ").split()]))


def _form(*, chosen: list[str], problem: Any = None, status: int = 200, everything: bool | None = None) -> Response:
    seen = read_overview(written="none")
    live = [one for one in seen.tables if one.mode != "disabled"]
    named = {one.table: one for one in live}
    return page(
        "trigger.html",
        now=seen.facts.now,
        status=status,
        problem=problem,
        live=live,
        choices=sorted(live, key=lambda one: (one.table not in chosen, one.table))[:_LISTED],
        more=max(0, len(live) - _LISTED),
        chosen=chosen,
        typed=[one for one in chosen if one not in named],
        everything=not chosen if everything is None else everything,
        forced="force" in request.values,
        once=token_urlsafe(16),
        last=_last(chosen),
        busy=[one.table for one in live if one.is_busy],
        never=[one.table for one in live if one.data_as_of is None],
    )


def _last(chosen: list[str]) -> dict[str, Any] | None:
    """How the one table that is chosen fared the last time."""
    if len(chosen) != 1:
        return None
    items: list[dict[str, Any]] = read(api("history"), table=chosen[0], page_size=1)["items"]
    return items[0] if items else None
