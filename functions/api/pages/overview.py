"""/ : can the dashboards be trusted this morning? And if not: which, why, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from functions.api.alerts import alerts, statistics, summary
from functions.api.overview import TableOutline, read_overview
from functions.api.pages import charts, words
from functions.api.pages.attention import concerns
from functions.api.pages.calls import api, read
from functions.api.pages.paging import is_named, page_of
from functions.api.pages.render import page
from functions.api.schemas.status import TableStatus

routes = Blueprint("overview", __name__)
_RUNS = 5
_AT_WORK = 6
_TABLES = 50
_ACTIVITY = 12
_ORDER = ("failed", "held", "skipped", "warning", "never_refreshed", "running", "queued")
Test = Callable[[TableOutline], bool]


@dataclass(frozen=True, kw_only=True)
class OpenRun:
    """A run that goes on: how many of its tables have ended, and those at work now."""

    run: Mapping[str, Any]
    total: int
    ended: int
    at_work: tuple[TableStatus, ...]
    more: int
    queued: int


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A choice of tables: its word in the address, its label, and how many it has."""

    name: str
    label: str
    count: int


_FILTERS: dict[str, tuple[str, Test]] = {
    "all": ("all", lambda one: True),
    "stale": ("stale", lambda one: one.is_stale),
    "failed": ("failed", lambda one: one.mode == "live" and one.last_status == "failed"),
    "held": ("held", lambda one: one.mode == "live" and one.last_status == "held"),
    "attention": ("with a warning", lambda one: one.mode == "live" and one.last_status in ("warning", "skipped")),
    "never": ("never refreshed", lambda one: one.mode == "live" and one.data_as_of is None),
    "running": ("running", lambda one: one.is_busy),
    "other": ("not live", lambda one: one.mode != "live"),
}


@routes.get("/")
def show() -> Response:
    """The overview."""
    seen = read_overview(written="notable")
    tables, facts, notable = seen.tables, seen.facts, seen.notable()
    found = alerts(notable, facts)
    counts = statistics(tables, facts)
    reason_of = {one.table: one.last_reason for one in notable}
    busy = {one.table for one in tables if one.is_busy}
    chosen = request.args.get("show", "all")
    wanted = _FILTERS.get(chosen, _FILTERS["all"])[1]
    search = request.args.get("q", "").strip()
    listed = sorted((one for one in tables if wanted(one) and is_named(one.table, search)), key=_gravity)
    pages, shown = page_of(listed, size=_TABLES)
    return page(
        "overview.html",
        now=facts.now,
        verdict=words.verdict(counts, found),
        summary=summary(counts, found),
        counts=counts,
        facts=facts,
        shares=charts.shares(tables, {one.table for one in facts.verifications if one.status == "warning"}),
        concerns=concerns(found, reason_of, busy),
        runs=_open_runs(notable),
        reason_of=reason_of,
        run_of={one.table: one.last_run_id for one in notable if one.last_run_id},
        verified_by={one.table: one.run_id for one in facts.verifications},
        aside={one.table for one in notable if one.rows_in_quarantine},
        undecided={one.table for one in notable if one.hold and not one.hold.refused_by},
        busy=busy,
        activity=facts.recent_activity[:_ACTIVITY],
        filters=_filters(tables),
        chosen=chosen,
        search=search,
        tables=shown,
        pages=pages,
    )


def _filters(tables: Sequence[TableOutline]) -> list[Filter]:
    """The choices that have any tables."""
    counted = ((name, label, sum(map(test, tables))) for name, (label, test) in _FILTERS.items())
    return [Filter(name=name, label=label, count=count) for name, label, count in counted if count or name == "all"]


def _gravity(one: TableOutline) -> tuple[bool, bool, int, str]:
    """What needs somebody comes first, what is not live last, then by name."""
    grave = _ORDER.index(one.status) if one.status in _ORDER else len(_ORDER)
    return (one.mode != "live", not one.is_stale, grave, one.table)


def _open_runs(notable: Sequence[TableStatus]) -> list[OpenRun]:
    """Runs that go on, each with how far it is; the newest first."""
    if not any(one.progress for one in notable):
        return []
    found = read(api("runs"), status="running", page_size=_RUNS)["items"]
    at_work: dict[str, list[TableStatus]] = {}
    for one in notable:
        if one.progress is not None and one.status == "running":
            at_work.setdefault(str(one.progress.run_id), []).append(one)
    return [_open_run(run, at_work.get(run["run_id"], [])) for run in found]


def _open_run(run: Mapping[str, Any], at_work: Sequence[TableStatus]) -> OpenRun:
    counts = run["tables_by_status"]
    total = sum(counts.values())
    return OpenRun(
        run=run,
        total=total,
        ended=total - counts.get("queued", 0) - counts.get("running", 0),
        at_work=tuple(at_work[:_AT_WORK]),
        more=max(0, len(at_work) - _AT_WORK),
        queued=counts.get("queued", 0),
    )
