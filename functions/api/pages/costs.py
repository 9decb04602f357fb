"""/costs : what BigQuery billed in a month, by day and table, and how much of today's caps is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request

from functions.api.pages import days
from functions.api.pages.calls import api, read, send
from functions.api.pages.paging import page_of
from functions.api.pages.render import page

routes = Blueprint("costs", __name__)
_TABLES = 50
_NEAR = 0.8
"""From this share on a cap is about to be in the way."""


@routes.get("/costs")
def show() -> Response:
    """The month's bill, and today's caps."""
    today = datetime.now(UTC).date()
    asked = request.args.get("month", "").strip() or f"{today:%Y-%m}"
    reply = send("GET", api("costs"), query={"month": asked})
    month = date.fromisoformat(f"{asked if reply.ok else f'{today:%Y-%m}'}-01")
    costs = reply.document if reply.ok else read(api("costs"), month=f"{month:%Y-%m}")
    pages, tables = page_of(costs["tables"], size=_TABLES)
    return page(
        "costs.html",
        status=reply.status,
        asked=asked,
        wrong=None if reply.ok else "Name a month, as 2025-06.",
        month=month,
        costs=costs,
        picture=days.billed(costs["days"], month=month),
        tables=tables,
        pages=pages,
        most=costs["tables"][0]["bytes_billed"] if costs["tables"] else 0,
        before=_month(month - timedelta(days=1)),
        after=_month(month + timedelta(days=31)) if month < today.replace(day=1) else None,
        spending=(spending := read(api("costs", "today"))),
        caps=_caps(spending),
    )


def _month(of: date) -> str:
    return f"{of:%Y-%m}"


def _caps(spending: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Each cap of today that there is: of what, how much, and what is used of it."""
    every = {"table": None, **{name: spending[name] for name in ("bytes_spent", "max_bytes_billed_per_day")}}
    capped = [one for one in (every, *spending["tables"]) if one["max_bytes_billed_per_day"]]
    return [one | _used(one["bytes_spent"] / one["max_bytes_billed_per_day"]) for one in capped]


def _used(share: float) -> Mapping[str, Any]:
    return {"share": share, "tone": "bad" if share >= 1 else "care" if share >= _NEAR else "good"}
