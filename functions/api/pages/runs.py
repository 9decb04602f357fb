"""/runs : what ran, a run's timeline while it goes on and after, and doing it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from pydantic_core import from_json
from werkzeug.wrappers import Response as AnyResponse

from functions.api.pages import parallel, timeline
from functions.api.pages.calls import api, read, send
from functions.api.pages.going import see_other
from functions.api.pages.paging import asked_page, is_named, of_pagination, page_of
from functions.api.pages.render import page
from functions.api.routes.runs import run_document

routes = Blueprint("runs", __name__)
_STATES = ("running", "success", "warning", "failed")
_RUNS = 50
_TABLES = 100
_MANY = 30
"""Tables of a run from which on it is also drawn as a whole, and searched."""
_REPORTED = ("dry_run", "plan")
_WITHOUT_EFFECT = {*_REPORTED, "verify"}
_AGAIN = ("failed", "held", "skipped")
_UNDECIDABLE = ("cost_cap", "schema_drift", "group_held")
"""Reasons of holds that nobody can release: their cause is mended, and the table run again."""
_TROUBLED = ("failed", "held", "skipped", "warning")
_GRAVE = ("failed", "held", "skipped", "warning", "running", "queued", "success", "no_new_data")


@routes.get("/runs")
def listed() -> Response:
    """Runs, newest first."""
    status = request.args.get("status", "")
    chosen = status if status in _STATES else None
    found = read(api("runs"), status=chosen, page=asked_page(), page_size=_RUNS)
    return page(
        "runs.html", runs=found["items"], pages=of_pagination(found["pagination"]), states=_STATES, chosen=chosen
    )


@routes.get("/runs/<uuid:run_id>")
def show(run_id: UUID) -> Response:
    """A run: its tables as bars in time, what they cost, and why what went wrong did."""
    run = from_json(run_document(run_id))
    now = datetime.now(UTC)
    counted = _counted(run["tables"])
    chosen = request.args.get("status", "")
    search = request.args.get("q", "").strip()
    slowest = request.args.get("order") == "slowest"
    tables = [one for one in run["tables"] if chosen in ("", one["status"]) and is_named(one["table"], search)]
    pages, shown = page_of(sorted(tables, key=_slowest if slowest else _order), size=_TABLES)
    return page(
        "run.html",
        now=now,
        run=run,
        counted=counted,
        chosen=chosen,
        pages=pages,
        line=timeline.of(run, shown, now=now),
        whole=parallel.of(run, run["tables"], now=now) if len(run["tables"]) > _MANY else None,
        search=search,
        slowest=slowest,
        troubles=[one for one in shown if one["status"] in _TROUBLED and "verified" not in one["details"]],
        effectless=_effectless(run),
        report=_report(run),
        moved=[one for one in shown if one["rows_read"] or one["scopes_unchanged"] or one["bytes_billed"]],
        undecidable=_UNDECIDABLE,
        again=[one["table"] for one in run["tables"] if one["status"] in _AGAIN],
        totals=_totals(run["tables"]),
    )


@routes.get("/runs/<uuid:run_id>/replay")
def replay(run_id: UUID) -> Response:
    """What doing the run again will do."""
    return _confirm_replay(run_id)


@routes.post("/runs/<uuid:run_id>/replay")
def start_replay(run_id: UUID) -> AnyResponse:
    """Do it, and go to the new run."""
    key = request.form.get("once") or token_urlsafe(16)
    reply = send("POST", api("runs", run_id, "replay"), headers={"Idempotency-Key": key})
    if not reply.ok:
        return _confirm_replay(run_id, problem=reply.document, status=reply.status)
    return see_other(url_for("pages.runs.show", run_id=UUID(reply.document["run_id"])))


def _confirm_replay(run_id: UUID, *, problem: Any = None, status: int = 200) -> Response:
    run = read(api("runs", run_id))
    again = [one for one in run["tables"] if one["status"] in _AGAIN]
    return page("replay.html", status=status, run=run, again=again, problem=problem, once=token_urlsafe(16))


def _effectless(run: Mapping[str, Any]) -> str | None:
    """The mode of a run that changes no table; None for all others."""
    modes = {one["mode"] for one in run["tables"]}
    return modes.pop() if len(modes) == 1 and modes <= _WITHOUT_EFFECT else None


def _report(run: Mapping[str, Any]) -> Any:
    """What a dry run or a plan has found; None for other runs."""
    if not any(one["mode"] in _REPORTED for one in run["tables"]):
        return None
    return read(api("runs", run["run_id"], "dry-run-report"))


def _counted(tables: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    counted = {status: sum(one["status"] == status for one in tables) for status in _GRAVE}
    return {status: count for status, count in counted.items() if count}


def _order(one: Mapping[str, Any]) -> tuple[int, str, str]:
    """What needs somebody first, then what goes on, then what went well; each as they were begun."""
    return (min(_GRAVE.index(one["status"]), _GRAVE.index("success")), one["started_at"] or "9", one["table"])


def _slowest(one: Mapping[str, Any]) -> tuple[int, str]:
    return (-(one["duration_ms"] or 0), one["table"])


def _totals(tables: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    names = ("rows_read", "rows_inserted", "rows_updated", "rows_deleted", "rows_unchanged", "rows_quarantined")
    return {name: sum(one[name] for one in tables) for name in names}
