"""/tables/… : how one table fares, why, and what can be done with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response

from functions.api.overview import read_status
from functions.api.pages import days
from functions.api.pages.calls import api, offers, read
from functions.api.pages.paging import asked_page, of_pagination
from functions.api.pages.render import page
from functions.api.problems import not_found
from functions.api.schemas.status import TableStatus
from shared import wiring
from shared.domain.ids import TableName
from shared.operations import table_facts

routes = Blueprint("tables", __name__)
_DAYS = 30
_HISTORY = 15
_PUBLISHES = 10


@routes.get("/tables/<table>")
def show(table: str) -> Response:
    """The table's page."""
    configuration = read(api("config", table))
    name = TableName.parse(table)
    now = datetime.now(UTC)
    metrics = read(api("metrics"), table=table, days=_DAYS)
    history = read(api("history"), table=table, page=asked_page(), page_size=_HISTORY)
    return page(
        "table.html",
        now=now,
        table=table,
        configuration=configuration,
        one=_status(name),
        metrics=metrics,
        moved=days.moved(metrics["per_day"], days=_DAYS, today=now.date()),
        durations=days.durations(metrics["per_day"], days=_DAYS, today=now.date()),
        history=history["items"],
        pages=of_pagination(history["pagination"]),
        facts=table_facts.read(wiring.store(), name),
        publishes=_publishes(table),
        shadow=_shadow(table) if configuration["mode"] == "shadow" else None,
    )


def _status(name: TableName) -> TableStatus:
    found = read_status(name)
    if found is None:
        raise not_found(f"{name} is not registered.")
    return found


def _shadow(table: str) -> Any:
    return read(api("tables", table, "shadow-report"), days=_DAYS)


def _publishes(table: str) -> Any:
    if not offers("GET", "/api/refresh/tables/<>/publishes"):
        return None
    return read(api("tables", table, "publishes"), page_size=_PUBLISHES)
