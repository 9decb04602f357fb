"""/backfills : ranges of days that are loaded behind the daily runs; begun, watched, ended."""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_urlsafe
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.overview import read_overview
from functions.api.pages import wrong
from functions.api.pages.calls import CallRefused, Reply, api, read, send
from functions.api.pages.going import see_other
from functions.api.pages.paging import asked_page, of_pagination
from functions.api.pages.render import page

routes = Blueprint("backfills", __name__)
_BACKFILLS = 25
_SAID = {
    "table": "Name a table, as schema.name.",
    "from": "Choose the first day, as 2025-01-31.",
    "to": "Choose the last day, as 2025-01-31.",
    "visible": "Choose one of the two.",
}
_OF_KIND = {"empty_range": "to"}


@routes.get("/backfills")
def listed() -> Response:
    """Backfills, newest first."""
    table = request.args.get("table", "").strip()
    reply = send("GET", api("backfills"), query={"table": table, "page": asked_page(), "page_size": _BACKFILLS})
    return page(
        "backfills.html",
        status=reply.status,
        table=table,
        backfills=reply.document["items"] if reply.ok else [],
        pages=of_pagination(reply.document["pagination"]) if reply.ok else None,
        problem=None if reply.ok else _SAID["table"],
    )


@routes.get("/backfills/new")
def new() -> Response:
    """Which days of which table."""
    return _form(given=request.args)


@routes.post("/backfills/new")
def start() -> AnyResponse:
    """Look at what it will do, go back to the form, or begin it."""
    given = {name: request.form.get(name, "").strip() for name in _SAID}
    if request.form.get("do") == "edit":
        return _form(given=given)
    if request.form.get("do") == "start":
        return _start(given)
    reply = send("POST", api("backfills", "preview"), body=_range(given) | {"table": given["table"]})
    if not reply.ok:
        return _form(given=given, reply=reply)
    config = read(api("config", given["table"]))
    return page("backfill_review.html", given=given, preview=reply.document, config=config, once=token_urlsafe(16))


@routes.get("/backfills/<uuid:backfill_id>")
def show(backfill_id: UUID) -> Response:
    """One backfill, live while it goes on."""
    return page("backfill.html", one=read(api("backfills", backfill_id)))


@routes.get("/backfills/<uuid:backfill_id>/cancel")
def cancel(backfill_id: UUID) -> Response:
    """What ending it will do."""
    return page("backfill_cancel.html", one=read(api("backfills", backfill_id)))


@routes.post("/backfills/<uuid:backfill_id>/cancel")
def do_cancel(backfill_id: UUID) -> AnyResponse:
    """End it."""
    reply = send("POST", api("backfills", backfill_id, "cancel"))
    if not reply.ok:
        raise CallRefused(reply)
    return see_other(url_for("pages.backfills.show", backfill_id=backfill_id))


def _start(given: Mapping[str, str]) -> AnyResponse:
    body = {"tables": [given["table"]], "backfill": _range(given)}
    key = f"backfill-{request.form.get('once') or token_urlsafe(16)}"
    reply = send("POST", api("trigger"), body=body, headers={"Idempotency-Key": key})
    if not reply.ok:
        return _form(given=given, reply=reply)
    return see_other(url_for("pages.backfills.show", backfill_id=UUID(reply.document["backfills"][0])))


def _range(given: Mapping[str, str]) -> dict[str, str]:
    return {name: given[name] for name in ("from", "to", "visible")}


def _form(*, given: Mapping[str, str], reply: Reply | None = None) -> Response:
    if reply is not None and reply.status not in (404, 409, 422):
        raise CallRefused(reply)
    tables = read_overview(written="none").tables
    return page(
        "backfill_new.html",
        status=200 if reply is None else reply.status,
        given=given,
        tables=[one.table for one in tables if one.mode == "live" and one.handler != "summaries"],
        wrong={} if reply is None else wrong.by_field(reply.document, _SAID, _OF_KIND),
    )
