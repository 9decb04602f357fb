"""POST …/verify, GET …/quality: whether tables hold what their sources have, and the outcomes of all checks"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint
from pydantic import TypeAdapter

from functions.api.access import caller
from functions.api.contract import call
from functions.api.routes.runs import publish_owed, refusal, run_url
from functions.api.schemas.runs import RunAccepted, TriggerHeaders
from functions.api.schemas.verification import CheckOutcome, CheckOutcomes, OutcomesQuery, VerifyRequest
from shared import wiring
from shared.domain.errors import RefreshError
from shared.domain.ids import TableName
from shared.domain.states import Mode
from shared.operations import documents
from shared.operations.requests import Asking, request_run

routes = Blueprint("verification", __name__)
_ITEMS = TypeAdapter(list[CheckOutcome])


@routes.post("/api/refresh/verify")
@call(RunAccepted, tag="quality", status=HTTPStatus.ACCEPTED, errors=(404, 409), located=True)
def verify_tables(headers: TriggerHeaders, json: VerifyRequest) -> tuple[RunAccepted, HTTPStatus, dict[str, str]]:
    """Compare tables with their sources at the snapshot of their last scan, per scope and column. Nothing is changed.

    The workers do it, who know the tables' queries. The run's tables end as success, or as warning with the reason
    not_equal; what differs is in their details, and in GET /api/refresh/quality. 404: a table is not registered. 409: a
    table is not live, or is being verified.
    """
    tables = None if json.tables is None else [TableName.parse(one) for one in dict.fromkeys(json.tables)]
    asking = Asking(subject=caller().subject, key=headers.idempotency_key, body={"verify": json.tables})
    try:
        run_id = request_run(wiring.store(), asking, tables=tables, force=False, mode=Mode.VERIFY)
    except RefreshError as error:
        raise refusal(error) from error
    publish_owed()
    url = run_url(run_id)
    return RunAccepted(run_id=run_id, url=url), HTTPStatus.ACCEPTED, {"Location": url}


@routes.get("/api/refresh/quality")
@call(CheckOutcomes, tag="quality")
def list_checks(query: OutcomesQuery) -> CheckOutcomes:
    """Outcomes of checks, newest first: verifications, gates, and the data's own."""
    table = None if query.table is None else TableName.parse(query.table)
    text = documents.read(
        wiring.store(),
        "read_checks",
        schema=table and table.schema,
        name=table and table.name,
        run_id=query.run_id,
        metric=query.metric,
        passed=query.passed,
        before_id=query.cursor,
        limit=query.limit,
    )
    items = _ITEMS.validate_json(text or "[]")
    return CheckOutcomes(items=items, next_cursor=items[-1].check_id if len(items) == query.limit else None)
