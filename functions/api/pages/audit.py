"""/audit : who did what, and all that happened."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, Response, request

from functions.api.pages.calls import api, send
from functions.api.pages.paging import with_query
from functions.api.pages.refusals import plainly
from functions.api.pages.render import page

routes = Blueprint("audit", __name__)
_FIELDS = ("table", "run_id", "event", "by")
_DAYS = ("from", "to")
_ENTRIES = 50
_KNOWN = {"audit_id", "at", "run_id", "table", "slice_no", "event", "status", "by", "error", "details"}


@routes.get("/audit")
def show() -> Response:
    """Entries, newest first."""
    asked = {name: request.args.get(name, "").strip() for name in (*_FIELDS, *_DAYS)}
    query = {name: asked[name] for name in _FIELDS} | {name: _midnight(asked[name]) for name in _DAYS}
    reply = send("GET", api("audit"), query=query | {"cursor": request.args.get("cursor"), "limit": _ENTRIES})
    found = reply.document if reply.ok else {"items": [], "next_cursor": None}
    return page(
        "audit.html",
        status=reply.status,
        asked=asked,
        problem=None if reply.ok else plainly(reply.document),
        entries=[one | {"figures": _figures(one), "more": _more(one)} for one in found["items"]],
        further=with_query(cursor=found["next_cursor"]) if found["next_cursor"] else None,
        first=with_query(cursor=None) if request.args.get("cursor") else None,
    )


def _midnight(day: str) -> str:
    """The day's beginning (UTC) as the API takes it; whatever else was typed, for it to refuse."""
    try:
        return f"{date.fromisoformat(day).isoformat()}T00:00:00Z"
    except ValueError:
        return day


def _figures(entry: dict[str, Any]) -> dict[str, Any]:
    """Its numbers, without those that say nothing."""
    return {
        name.removeprefix("rows_").replace("_", " "): value
        for name, value in entry.items()
        if name not in _KNOWN and value not in (None, 0, "") and not name.startswith("bigquery")
    }


def _more(entry: dict[str, Any]) -> dict[str, Any]:
    """What else was written down."""
    return {name: value for name, value in entry["details"].items() if name not in ("by", "requested_by")}
