"""GET …/quarantine, POST …/tables/{table}/quarantine/replay"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint
from pydantic import TypeAdapter

from functions.api.access import caller
from functions.api.contract import call
from functions.api.routes.configuration import table_of_path
from functions.api.routes.holds import refusal
from functions.api.routes.runs import publish_owed, run_url
from functions.api.schemas.fields import Pagination
from functions.api.schemas.quarantine import QuarantinedRow, QuarantinedRows, QuarantineQuery
from functions.api.schemas.runs import RunAccepted, TriggerHeaders
from shared import wiring
from shared.domain.errors import RefreshError
from shared.domain.ids import TableName
from shared.operations import documents, holds
from shared.operations.requests import Asking
from shared.sql import statement

routes = Blueprint("quarantine", __name__)
_ITEMS = TypeAdapter(list[QuarantinedRow])


@routes.get("/api/refresh/quarantine")
@call(QuarantinedRows, tag="quarantine")
def list_quarantine(query: QuarantineQuery) -> QuarantinedRows:
    """Source rows that a target could not hold, each with the column and the reason, newest first."""
    table = None if query.table is None else TableName.parse(query.table)
    which = {
        "schema": table and table.schema,
        "name": table and table.name,
        "run_id": query.run_id,
        "reason": query.reason,
        "resolved": None if query.state is None else query.state == "resolved",
    }
    with wiring.store().transaction(statement_timeout=10.0) as session:
        total = session.run(statement("count_quarantine"), **which)[0]["total"]
        text = documents.read_in(session, "read_quarantine", **which, offset=query.offset, limit=query.page_size)
    return QuarantinedRows(items=_ITEMS.validate_json(text or "[]"), pagination=Pagination.of(query, total))


@routes.post("/api/refresh/tables/<table>/quarantine/replay")
@call(
    RunAccepted,
    tag="quarantine",
    status=HTTPStatus.ACCEPTED,
    errors=(404, 409),
    located=True,
    paths={"table": "The table, as schema.name."},
)
def replay_quarantine(table: str, headers: TriggerHeaders) -> tuple[RunAccepted, HTTPStatus, dict[str, str]]:
    """Read the scopes anew of which rows are in quarantine, changed or not, when the cause is mended.

    Rows that fit now are published. 409: `nothing_quarantined`, `already_running`, `table_disabled`.
    """
    name = table_of_path(table)
    asking = Asking(subject=caller().subject, key=headers.idempotency_key, body={"replay_quarantine": str(name)})
    try:
        run_id = holds.replay_quarantine(wiring.store(), asking, name)
    except RefreshError as error:
        raise refusal(error) from error
    publish_owed()
    url = run_url(run_id)
    return RunAccepted(run_id=run_id, url=url), HTTPStatus.ACCEPTED, {"Location": url}
