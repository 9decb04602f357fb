"""What a refresh would do: POST …/plan, GET …/runs/{run_id}/dry-run-report"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from flask import Blueprint

from functions.api.access import caller
from functions.api.contract import call
from functions.api.problems import not_found
from functions.api.routes.runs import publish_owed, refusal, run_url
from functions.api.schemas.dry_runs import DryRunReport, PlanAccepted, PlanRequest
from functions.api.schemas.runs import TriggerHeaders
from shared import wiring
from shared.domain.errors import RefreshError
from shared.domain.ids import TableName
from shared.domain.states import Mode
from shared.operations import documents
from shared.operations.requests import Asking, request_run

routes = Blueprint("dry_runs", __name__)
MAX_SCOPES = 500


@routes.post("/api/refresh/plan")
@call(PlanAccepted, tag="dry runs", status=HTTPStatus.ACCEPTED, errors=(404, 409), located=True)
def plan_refresh(headers: TriggerHeaders, json: PlanRequest) -> tuple[PlanAccepted, HTTPStatus, dict[str, str]]:
    """Find out what a refresh would do. Nothing is published and no state is moved; the report says what it cost.

    The workers do it, who know the tables' queries; read the report at its URL until it is complete. 404: a table is
    not registered. 409: a table is disabled, or the same is under way.
    """
    tables = None if json.tables is None else [TableName.parse(one) for one in dict.fromkeys(json.tables)]
    asking = Asking(
        subject=caller().subject,
        key=headers.idempotency_key,
        body={"tables": json.tables, "force": json.force, "plan": json.mode},
    )
    try:
        run_id = request_run(wiring.store(), asking, tables=tables, force=json.force, mode=Mode(json.mode))
    except RefreshError as error:
        raise refusal(error) from error
    publish_owed()
    url = run_url(run_id)
    report_url = f"{url}/dry-run-report"
    answer = PlanAccepted(run_id=run_id, url=url, report_url=report_url)
    return answer, HTTPStatus.ACCEPTED, {"Location": report_url}


@routes.get("/api/refresh/runs/<uuid:run_id>/dry-run-report")
@call(DryRunReport, tag="dry runs", errors=(404,), paths={"run_id": "The run's id."})
def get_dry_run_report(run_id: UUID) -> DryRunReport:
    """What a run of mode dry_run or plan has found: per table and scope what would be inserted, updated and deleted."""
    text = documents.read(
        wiring.store(),
        "read_dry_run_report",
        run_id=run_id,
        max_scopes=MAX_SCOPES,
        usd_per_tib=wiring.settings().refresh_usd_per_tib,
    )
    if text is None:
        raise not_found(f"There is no run {run_id} with a dry run or a plan in it.")
    return DryRunReport.model_validate_json(text)
