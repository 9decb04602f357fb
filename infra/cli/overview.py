"""`status` and `doctor`: whether the data can be trusted, and whether the machinery can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import typer

from infra.cli.api import Answer, Document
from infra.cli.errors import CommandError, Exit
from infra.cli.output import Output, ago, moment, span, state
from infra.cli.session import Json, Session, opened

_MAX_SKEW_SECONDS = 60.0


def status(context: typer.Context, json: Json = False) -> None:
    """Whether every table is right and fresh, what runs, and what to do about what is wrong.

    Exit code 1 when something needs attention.
    """
    session = opened(context, json)
    document = session.api.read("/status")
    if session.out.as_json:
        session.out.json(document)
    else:
        _show_status(session.out, document)
    if document["overall_status"] != "healthy":
        raise typer.Exit(Exit.NOT_WELL)


def _show_status(out: Output, document: Document) -> None:
    out.line(state(document["overall_status"]), document["summary"])
    out.line("")
    now = document["generated_at"]
    out.table(
        ("table", "status", "data of", "period", "next refresh"),
        (
            (
                one["table"],
                state(one["status"]),
                ago(one["data_as_of"], now),
                one["last_data_period"],
                moment(one["next_refresh"])[:16],
            )
            for one in document["tables"]
        ),
    )
    for one in document["tables"]:
        if one["progress"]:
            out.line(f"{one['table']}: {_progress(one['progress'])}")
    for alert in document["alerts"]:
        out.line("")
        out.line(state(alert["severity"]), f"{alert['table'] or 'the system'}: {alert['message']}")
        out.line(f"  → {alert['what_to_do']}")


def _progress(progress: Document) -> str:
    if progress["waiting_for"]:
        return f"waits for its next try ({progress['waiting_for']})"
    done = f"{progress['phase']}, slices {progress['slices_done']}/{progress['slices_total']}"
    left = "" if progress["seconds_left"] is None else f", about {span(progress['seconds_left'])} left"
    return f"{done}, rows {progress['rows_done']:,}/{progress['rows_total']:,}{left}"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    detail: str
    remedy: str | None = None


def doctor(context: typer.Context, json: Json = False) -> None:
    """Look at everything between here and the data, and say what to do about what is not well."""
    session = opened(context, json)
    findings: list[Finding] = []
    code: Exit = Exit.OK
    try:
        findings += _examine(session)
    except CommandError as error:
        findings.append(Finding(what="API", ok=False, detail=str(error), remedy=_remedy(error)))
        code = error.code
    if code is Exit.OK and not all(one.ok for one in findings):
        code = Exit.NOT_WELL
    if session.out.as_json:
        session.out.json({"ok": code is Exit.OK, "findings": [asdict(one) for one in findings]})
    else:
        for one in findings:
            session.out.line(state("ok" if one.ok else "failing"), f"{one.what}: {one.detail}")
            if one.remedy:
                session.out.line(f"  → {one.remedy}")
    if code is not Exit.OK:
        raise typer.Exit(code)


def _examine(session: Session) -> Iterator[Finding]:
    answer = session.api.get("/health")
    yield Finding(what="API", ok=True, detail=f"answers at {session.api.url}, and knows who calls")
    yield from _clock(answer)
    for name, component in answer.document["components"].items():
        ok = component["status"] == "ok"
        detail = f"{component['detail']} ({component['duration_ms']} ms)"
        yield Finding(what=name, ok=ok, detail=detail, remedy=None if ok else _REMEDIES[name])
    configuration = session.api.read("/config", page_size=1)
    number = configuration["pagination"]["total"]
    yield Finding(
        what="tables",
        ok=number > 0,
        detail=f"{number} registered; the daily trigger is at {configuration['schedule']} {configuration['time_zone']}",
        remedy=None if number else "refreshctl tables add SCHEMA.NAME --source PROJECT.DATASET.TABLE",
    )
    found: Any = session.api.read("/status")
    for alert in found["alerts"]:
        yield Finding(
            what=alert["table"] or "the system", ok=False, detail=alert["message"], remedy=alert["what_to_do"]
        )
    if not found["alerts"]:
        yield Finding(what="data", ok=True, detail=found["summary"])


def _clock(answer: Answer) -> Iterator[Finding]:
    if answer.server_time is None:
        return
    skew = abs((datetime.now(UTC) - answer.server_time).total_seconds())
    if skew > _MAX_SKEW_SECONDS:
        detail = f"this machine's is {span(skew)} off the API's"
        yield Finding(what="clock", ok=False, detail=detail, remedy="set this machine's clock; tokens depend on it")


_REMEDIES = {
    "database": "look whether Postgres runs and has connections left; then the API's log",
    "bigquery": "look at the API's log: missing rights, or BigQuery is down",
    "pubsub": "look at the API's log: missing rights, or Pub/Sub is down",
    "sweep": "look at the Cloud Scheduler job of the sweep, then at the orchestrator's log",
}


def _remedy(error: CommandError) -> str:
    match error.code, error.problem.get("status"):
        case Exit.UNREACHABLE, _:
            return "check API_URL, and whether the API runs"
        case _, 401:
            return "check API_TOKEN, or log in anew; in the cloud the token must be for the API's own address"
        case _, 403:
            return "have your address added to api_viewers or api_operators, and to api_invokers"
    return "see the message"
