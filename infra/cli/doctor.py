"""`doctor` and `health`: whether the machinery can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from infra.cli.attention import concerns
from infra.cli.errors import CommandError, Exit
from infra.cli.output import span, state
from infra.cli.session import Json, Session, opened

if TYPE_CHECKING:
    from infra.cli.api import Answer

_MAX_SKEW_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    detail: str
    remedy: str | None = None
    severity: str = "critical"
    """Of what is not well: critical or warning, as the API's alerts have it."""

    @property
    def state(self) -> str:
        """In a word."""
        if self.ok:
            return "ok"
        return "failing" if self.severity == "critical" else "warning"


def doctor(context: typer.Context, json: Json = False) -> None:
    """Look at everything between here and the data.

    Says what to do about what is not well: the way to the API, who calls, the clocks, database, BigQuery, Pub/Sub,
    the sweep, and what `status` has found. Exit
    code 1 when something is not well.
    """
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
        session.out.json(
            {
                "ok": code is Exit.OK,
                "findings": [asdict(one) | {"severity": None if one.ok else one.severity} for one in findings],
            }
        )
    else:
        for one in findings:
            session.out.line(state(one.state), f"{one.what}: {one.detail}")
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
        detail = f"{component['detail']} ({component['duration_ms']:,} ms)"
        yield Finding(what=name, ok=ok, detail=detail, remedy=None if ok else _REMEDIES[name])
    configuration = session.api.read("/config", page_size=1)
    number = configuration["pagination"]["total"]
    schedule = f"{configuration['schedule']} ({configuration['time_zone']})"
    yield Finding(
        what="tables",
        ok=number > 0,
        detail=f"{number:,} registered; the daily trigger is at {schedule}",
        remedy=None if number else "refreshctl tables add SCHEMA.NAME --source PROJECT.DATASET.TABLE",
    )
    found = session.api.read("/status")
    for one in concerns(found["alerts"]):
        named = f" ({one.tables})" if one.tables else ""
        yield Finding(
            what=one.about, ok=False, detail=one.message + named, remedy=one.what_to_do, severity=one.severity
        )
    if not found["alerts"]:
        yield Finding(what="data", ok=True, detail=found["summary"])


def health(context: typer.Context, json: Json = False) -> None:
    """Whether database, BigQuery, Pub/Sub and the sweep are well. Exit code 1 when one is not."""
    session = opened(context, json)
    document = session.api.read("/health")
    if session.out.as_json:
        session.out.json(document)
    else:
        session.out.table(
            ("component", "status", "answered in", "what it says"),
            (
                (name, state(one["status"]), f"{one['duration_ms']:,} ms", one["detail"])
                for name, one in document["components"].items()
            ),
            right=("answered in",),
        )
    if document["status"] != "ok":
        raise typer.Exit(Exit.NOT_WELL)


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
