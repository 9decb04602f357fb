"""/tables/…/configuration : how a table is refreshed, and changing that after having seen what it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, json, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.pages import fields
from functions.api.pages.calls import CallRefused, Reply, api, read, send
from functions.api.pages.going import see_other
from functions.api.pages.render import page

routes = Blueprint("configuration", __name__)
_LOST = 412


@routes.get("/tables/<table>/configuration")
def show(table: str) -> Response:
    """The configuration: a form for operators, a list for viewers."""
    return _form(table, _now(table))


@routes.post("/tables/<table>/configuration")
def change(table: str) -> AnyResponse:
    """Look at what a change leads to, go back to it, or make it."""
    now = _now(table)
    if request.form.get("do") == "save":
        return _save(table, now)
    if request.form.get("do") == "edit":
        return _form(table, now, given=_of_body(_body()), version=request.form.get("version"))
    return _review(table, now)


def _review(table: str, now: Reply) -> Response:
    """What is to change, and what the next refresh would do then."""
    version = request.form.get("version", "")
    wanted, wrong = fields.changes(request.form, now.document)
    if wrong:
        return _form(table, now, given=request.form, wrong=wrong, status=422, version=version)
    if not wanted:
        return _form(table, now, said="Nothing was changed.")
    preview = send("POST", api("config", table, "preview"), body=wanted)
    if not preview.ok:
        return _refused(table, now, preview, wanted, version)
    return page(
        "configuration_review.html",
        table=table,
        changes=_differences(wanted, now.document),
        preview=preview.document,
        body=json.dumps(wanted),
        version=version,
    )


def _save(table: str, now: Reply) -> AnyResponse:
    wanted, version = _body(), request.form.get("version", "")
    reply = send("PUT", api("config", table), body=wanted, headers={"If-Match": version or now.etag})
    if reply.ok:
        return see_other(url_for("pages.configuration.show", table=table, saved=reply.document["config_version"]))
    return _refused(table, _now(table) if reply.status == _LOST else now, reply, wanted, version)


def _refused(table: str, now: Reply, reply: Reply, wanted: Mapping[str, Any], version: str) -> Response:
    """The form with what was typed, and what is wrong with it at the field."""
    given = _of_body(wanted)
    if reply.status == _LOST:
        said = "Somebody has changed it meanwhile: the other fields are as they are now. Look again, then save."
        return _form(table, now, given=given, status=_LOST, problem=said)
    if reply.status in (409, 422):
        wrong = fields.at_fields(reply.document, list(wanted))
        return _form(table, now, given=given, wrong=wrong, status=reply.status, version=version)
    raise CallRefused(reply)


def _form(
    table: str,
    now: Reply,
    *,
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    problem: str | None = None,
    said: str | None = None,
    status: int = 200,
    version: str | None = None,
) -> Response:
    configuration = now.document
    saved = request.args.get("saved")
    return page(
        "configuration.html",
        status=status,
        table=table,
        configuration=configuration,
        groups=fields.groups(),
        values={one.name: one.shown(configuration[one.name]) for one in fields.all_fields()} | dict(given or {}),
        wrong=wrong or {},
        problem=problem,
        said=f"Saved. The next refresh goes by it; this is version {saved}." if saved and not given else said,
        version=version or now.etag,
        suggestions=read(api("config", table, "suggestions")),
    )


def _now(table: str) -> Reply:
    reply = send("GET", api("config", table))
    if not reply.ok:
        raise CallRefused(reply)
    return reply


def _body() -> dict[str, Any]:
    body = json.loads(request.form.get("body", "{}"))
    return body if isinstance(body, dict) else {}


def _of_body(wanted: Mapping[str, Any]) -> dict[str, str]:
    """The form's texts for a change."""
    return {one.name: one.shown(wanted[one.name]) for one in fields.all_fields() if one.name in wanted}


def _differences(wanted: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Field, what it is, what it becomes."""
    return [
        (one.name, one.shown(now[one.name]), one.shown(wanted[one.name]))
        for one in fields.all_fields()
        if one.name in wanted
    ]
