"""Runs: POST …/trigger, GET …/runs, GET …/runs/{run_id}, POST …/runs/{run_id}/replay"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

import structlog
from flask import Blueprint
from pydantic import TypeAdapter

from functions.api.access import caller
from functions.api.contract import Written, call
from functions.api.problems import Refused, not_found
from functions.api.schemas.backfills import BackfillRequest
from functions.api.schemas.fields import Pagination
from functions.api.schemas.runs import (
    ReplayAccepted,
    Run,
    RunAccepted,
    Runs,
    RunsQuery,
    RunSummary,
    TriggerHeaders,
    TriggerRequest,
)
from shared import wiring
from shared.domain.errors import RefreshError
from shared.domain.ids import RunId, TableName
from shared.domain.states import Mode
from shared.messaging import outbox
from shared.operations import documents, replay
from shared.operations.backfill import BackfillRange, NotFillable, request_backfills
from shared.operations.replay import RunOpen, RunUnknown
from shared.operations.requests import (
    Asking,
    KeyReused,
    ModeNotAllowed,
    NothingToRefresh,
    TablesBusy,
    TablesDisabled,
    TablesUnknown,
    TooSoon,
    request_run,
)
from shared.ports import Session
from shared.sql import statement

routes = Blueprint("runs", __name__)
MAX_SLICES = 500
_NAMED = 100
_ITEMS = TypeAdapter(list[RunSummary])
_RUN = {"run_id": "The run's id."}
_log = structlog.get_logger()


@routes.post("/api/refresh/trigger")
@call(RunAccepted, tag="runs", status=HTTPStatus.ACCEPTED, errors=(404, 409), located=True)
def trigger_refresh(headers: TriggerHeaders, json: TriggerRequest) -> tuple[RunAccepted, HTTPStatus, dict[str, str]]:
    """Refresh tables now. The answer comes at once; the run goes on by itself, and its URL tells how far it is.

    404: a table is not registered. 409: a table is disabled or not registered for this mode, is already being
    refreshed, or a backfill is of no day (`empty_range`) or of a table whose scopes are no dates (`not_fillable`). 429:
    a table was refreshed less than an hour ago, and force was not given.
    """
    tables = None if json.tables is None else [TableName.parse(one) for one in dict.fromkeys(json.tables)]
    asking = Asking(
        subject=caller().subject,
        key=headers.idempotency_key,
        body=json.model_dump(mode="json", include={"tables", "force", "mode"})
        | ({"backfill": json.backfill.model_dump(mode="json")} if json.backfill else {}),
    )
    if json.backfill is not None:
        return _backfill(asking, tables or [], json.backfill)
    try:
        run_id = request_run(
            wiring.store(), asking, tables=tables, force=json.force, mode=Mode(json.mode) if json.mode else None
        )
    except RefreshError as error:
        raise refusal(error) from error
    publish_owed()
    url = run_url(run_id)
    return RunAccepted(run_id=run_id, url=url), HTTPStatus.ACCEPTED, {"Location": url}


def _backfill(
    asking: Asking, tables: list[TableName], wanted: BackfillRequest
) -> tuple[RunAccepted, HTTPStatus, dict[str, str]]:
    try:
        made = request_backfills(wiring.store(), asking, tables=tables, wanted=days_of(wanted))
    except RefreshError as error:
        raise refusal(error) from error
    publish_owed()
    url = run_url(made[0].run_id)
    answer = RunAccepted(run_id=made[0].run_id, url=url, backfills=[one.backfill_id for one in made])
    return answer, HTTPStatus.ACCEPTED, {"Location": url}


def days_of(wanted: BackfillRequest) -> BackfillRange:
    """The range that a request names; refused where it has no day."""
    if wanted.first > wanted.last:
        raise Refused(HTTPStatus.CONFLICT, "empty_range", "backfill: from is after to, so there is no day in between.")
    return BackfillRange(first=wanted.first, last=wanted.last, visible=wanted.visible)


@routes.get("/api/refresh/runs")
@call(Runs, tag="runs")
def list_runs(query: RunsQuery) -> Runs:
    """Runs, newest first."""
    with wiring.store().transaction(statement_timeout=10.0) as session:
        total = session.run(statement("count_runs"), status=query.status)[0]["total"]
        text = documents.read_in(session, "read_runs", status=query.status, offset=query.offset, limit=query.page_size)
    return Runs(items=_ITEMS.validate_json(text or "[]"), pagination=Pagination.of(query, total))


@routes.get("/api/refresh/runs/<uuid:run_id>")
@call(Run, tag="runs", errors=(404,), paths=_RUN)
def get_run(run_id: UUID) -> Written[Run]:
    """A run with its tables, their slices, and what it cost."""
    with wiring.store().transaction(statement_timeout=10.0) as session:
        return Written(text=run_document(session, run_id))


def run_document(session: Session, run_id: UUID, *, only: Sequence[str] | None = None) -> str:
    """The run as Postgres writes it, with all its tables or only those."""
    price = wiring.settings().refresh_usd_per_tib
    text = documents.read_in(session, "read_run", run_id=run_id, only=only, max_slices=MAX_SLICES, usd_per_tib=price)
    if text is None:
        raise not_found(f"There is no run {run_id}.")
    return text


@routes.post("/api/refresh/runs/<uuid:run_id>/replay")
@call(ReplayAccepted, tag="runs", status=HTTPStatus.ACCEPTED, errors=(404, 409), paths=_RUN, located=True)
def replay_run(run_id: UUID, headers: TriggerHeaders) -> tuple[ReplayAccepted, HTTPStatus, dict[str, str]]:
    """Do again, in a new run, the tables of a run that failed, were held or skipped.

    It reads at the old run's snapshot if that can still be read and nothing newer was published, else at a new one; the
    answer says which, and why. 409: the run has not ended, nothing of it is to be done again, or a table is busy.
    """
    asking = Asking(subject=caller().subject, key=headers.idempotency_key, body={"replay_of": str(run_id)})
    try:
        made = replay.replay_run(wiring.store(), wiring.source(), asking, run_id)
    except RefreshError as error:
        raise refusal(error) from error
    publish_owed()
    url = run_url(made.run_id)
    answer = ReplayAccepted(
        run_id=made.run_id,
        url=url,
        replay_of=run_id,
        tables=list(made.tables),
        snapshot="new" if made.snapshot_at is None else "original",
        snapshot_at=made.snapshot_at,
        why=made.why,
    )
    return answer, HTTPStatus.ACCEPTED, {"Location": url}


def run_url(run_id: RunId) -> str:
    """Where a run can be looked at."""
    return f"/api/refresh/runs/{run_id}"


def publish_owed() -> None:
    """Publish what the caller's transaction owes; what cannot be published now, the sweep does within a minute."""
    try:
        outbox.flush(wiring.store(), wiring.bus())
    except RefreshError as error:
        _log.warning("messages_left_to_the_sweep", error=str(error))


def refusal(error: RefreshError) -> RefreshError | Refused:
    """The answer to a request for a run that is not made."""
    match error:
        case TablesUnknown(tables=tables):
            detail = f"Not registered: {_names(tables)}. GET /api/refresh/config lists the tables."
            return Refused(HTTPStatus.NOT_FOUND, "unknown_table", detail, tables=list(tables[:_NAMED]))
        case TablesDisabled(tables=tables):
            detail = f"Disabled: {_names(tables)}. Set mode to live in the configuration first."
            return Refused(HTTPStatus.CONFLICT, "table_disabled", detail, tables=list(tables[:_NAMED]))
        case ModeNotAllowed(modes=modes):
            named = ", ".join(f"{table} ({mode})" for table, mode in list(modes.items())[:10])
            detail = (
                f"Registered otherwise: {named}. A run may go less far than its tables are registered to, never "
                "further, and materialized views are refreshed live only."
            )
            return Refused(HTTPStatus.CONFLICT, "mode_not_allowed", detail, tables=list(modes)[:_NAMED])
        case TablesBusy(tables=tables):
            detail = (
                f"Already being refreshed: {_names(tables)}. Wait for the run to end; GET /api/refresh/status shows it."
            )
            return Refused(HTTPStatus.CONFLICT, "already_running", detail, tables=list(tables[:_NAMED]))
        case TooSoon(tables=tables, seconds=seconds):
            detail = f"Refreshed less than an hour ago: {_names(tables)}. Wait {seconds} seconds, or send force: true."
            headers = {"Retry-After": str(seconds)}
            return Refused(
                HTTPStatus.TOO_MANY_REQUESTS, "too_soon", detail, headers=headers, tables=list(tables[:_NAMED])
            )
        case KeyReused():
            detail = "This Idempotency-Key was used for another request. Use a new key, or send that request again."
            return Refused(HTTPStatus.CONFLICT, "idempotency_key_reused", detail)
        case NotFillable():
            return Refused(HTTPStatus.CONFLICT, "not_fillable", f"{error}")
        case NothingToRefresh() | RunOpen():
            return Refused(
                HTTPStatus.CONFLICT, "nothing_to_do" if isinstance(error, NothingToRefresh) else "run_open", f"{error}."
            )
        case RunUnknown():
            return not_found(f"{error}.")
        case _:
            return error


def _names(tables: tuple[str, ...]) -> str:
    more = len(tables) - 10
    return ", ".join(tables[:10]) + (f" and {more} more" if more > 0 else "")
