"""/runs : what ran, a run's timeline while it goes on and after, and doing it again."""

from __future__ import annotations

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
from functions.api.pages.outline import Outline, in_order, read_outline
from functions.api.pages.paging import asked_page, is_named, of_pagination, page_of
from functions.api.pages.render import page
from functions.api.routes.runs import run_document
from shared import wiring

routes = Blueprint("runs", __name__)
_STATES = ("running", "success", "warning", "failed")
_RUNS = 50
_TABLES = 100
_MANY = 30
"""Tables of a run from which on it is also drawn as a whole, and searched."""
_REPORTED = {"dry_run", "plan"}
_WITHOUT_EFFECT = {*_REPORTED, "verify"}
_AGAIN = ("failed", "held", "skipped")
_UNDECIDABLE = ("cost_cap", "schema_drift", "group_held")
"""Reasons of holds that nobody can release: their cause is mended, and the table run again."""
_TROUBLED = ("failed", "held", "skipped", "warning")


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
    now = datetime.now(UTC)
    chosen = request.args.get("status", "")
    search = request.args.get("q", "").strip()
    slowest = request.args.get("order") == "slowest"
    with wiring.store().transaction(statement_timeout=10.0, isolation="repeatable read") as session:
        outline = read_outline(session, run_id)
        found = [one for one in outline.tables if chosen in ("", one.status) and is_named(one.table, search)]
        pages, places = page_of(in_order(found, slowest=slowest), size=_TABLES)
        run = from_json(run_document(session, run_id, only=[one.table for one in places]))
    by_name = {one["table"]: one for one in run["tables"]}
    shown = [by_name[one.table] for one in places]
    counted = outline.counted()
    return page(
        "run.html",
        now=now,
        run=run,
        tables=len(outline.tables),
        counted=counted,
        chosen=chosen,
        pages=pages,
        line=timeline.of(run, shown, now=now),
        whole=parallel.of(run, outline.tables, now=now) if len(outline.tables) > _MANY else None,
        search=search,
        slowest=slowest,
        troubles=[one for one in shown if one["status"] in _TROUBLED and "verified" not in one["details"]],
        effectless=_effectless(outline),
        report=_report(run_id, outline),
        moved=[one for one in shown if one["rows_read"] or one["scopes_unchanged"] or one["bytes_billed"]],
        undecidable=_UNDECIDABLE,
        again=any(status in counted for status in _AGAIN),
        totals=outline.totals,
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


def _effectless(outline: Outline) -> str | None:
    """The mode of a run that changes no table; None for all others."""
    return min(outline.modes) if len(outline.modes) == 1 and outline.modes <= _WITHOUT_EFFECT else None


def _report(run_id: UUID, outline: Outline) -> Any:
    """What a dry run or a plan has found; None for other runs."""
    return read(api("runs", run_id, "dry-run-report")) if outline.modes & _REPORTED else None
