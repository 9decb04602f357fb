"""/tables/new : register a table, beginning with what its source suggests, having seen what the checks found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, json, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.pages import fields, wrong
from functions.api.pages.calls import CallRefused, Reply, api, send
from functions.api.pages.going import see_other
from functions.api.pages.render import page

routes = Blueprint("registration", __name__)
_SAID = {
    "source": "Name a table or view of BigQuery, as project.dataset.table.",
    "table": "Name a table of Postgres, as schema.name.",
}
_OF_KIND = {"not_found": "source"}
_INSTEAD = {
    "not_found": "The table is not in Postgres yet: make it first, then check again.",
    "already_registered": "The table is registered already: change it in",
}
_ASKED = (
    "mode",
    "strategy",
    "key_columns",
    "scope_column",
    "scope_bucket",
    "lookback",
    "loaded_at_column",
    "publish_group",
    "column_map",
)
"""The fields that matter from the first refresh on; all others can be set when the table is there."""


@routes.get("/tables/new")
def new() -> Response:
    """Which source goes into which table; when both are named, what the source suggests."""
    named = {name: request.args.get(name, "").strip() for name in _SAID}
    if not any(request.args.values()):
        return page("registration_new.html", named=named, wrong={})
    return _form(named)


@routes.post("/tables/new")
def register() -> AnyResponse:
    """Look at what registering it would find, go back to the form, or do it."""
    named = {name: request.form.get(name, "").strip() for name in _SAID}
    if "body" not in request.form:
        return _review(named)
    body = json.loads(request.form["body"])
    given = {one.name: one.shown(body.get(one.name)) for one in _fields()}
    if request.form.get("do") == "edit":
        return _form(named, given=given)
    reply = send("POST", api("config"), body=body)
    if not reply.ok:
        return _form(named, given=given, reply=reply)
    return see_other(url_for("pages.tables.show", table=body["table"], said="registered"))


def _review(named: Mapping[str, str]) -> Response:
    """What the checks found, and what is to happen."""
    body: dict[str, Any] = dict(named)
    unread: dict[str, str] = {}
    for field in _fields():
        text = request.form.get(field.name, "")
        if text.strip():
            try:
                body[field.name] = field.read(text)
            except ValueError as error:
                unread[field.name] = str(error)
    if unread:
        return _form(named, given=request.form, unread=unread)
    reply = send("POST", api("registration-preview"), body=body)
    if not reply.ok:
        return _form(named, given=request.form, reply=reply)
    return page("registration_review.html", named=named, body=body, found=reply.document, sent=json.dumps(body))


def _form(
    named: Mapping[str, str],
    *,
    given: Mapping[str, str] | None = None,
    reply: Reply | None = None,
    unread: Mapping[str, str] | None = None,
) -> Response:
    """The registration to be looked through, with what is wrong with it at the field."""
    suggested = send("GET", api("registration-suggestion"), query=named)
    if not suggested.ok:
        if suggested.status not in (404, 422):
            raise CallRefused(suggested)
        at = wrong.by_field(suggested.document, _SAID, _OF_KIND)
        return page("registration_new.html", status=suggested.status, named=named, wrong=at)
    values = {"mode": "live"} | suggested.document["registration"]
    shown = {one.name: one.shown(values.get(one.name)) for one in _fields()}
    at = dict(unread or {}) | ({} if reply is None else _refused(reply))
    return page(
        "registration_form.html",
        status=reply.status if reply is not None else 422 if unread else 200,
        named=named,
        fields=_fields(),
        values=shown | {name: text for name, text in (given or {}).items() if name in shown},
        ddl=suggested.document["ddl"],
        notes=suggested.document["notes"],
        wrong=at,
        missing=reply is not None and reply.status == 404,
        registered=reply is not None and reply.document["type"].endswith(":already_registered"),
    )


def _refused(reply: Reply) -> dict[str, str]:
    if reply.status not in (404, 409, 422):
        raise CallRefused(reply)
    kind = reply.document["type"].rpartition(":")[2]
    if kind in _INSTEAD:
        return {"table": _INSTEAD[kind]}
    at = fields.at_fields(reply.document, [*_ASKED])
    return {name if name in (*_ASKED, *_SAID) else "table": text for name, text in at.items()}


def _fields() -> list[fields.Field]:
    named = {one.name: one for one in fields.all_fields()}
    return [named[name] for name in _ASKED]
