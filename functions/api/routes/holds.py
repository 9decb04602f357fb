"""POST …/tables/{table}/release, POST …/tables/{table}/refuse"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint

from functions.api.access import caller
from functions.api.contract import call
from functions.api.problems import Refused
from functions.api.routes.configuration import table_of_path
from functions.api.routes.runs import publish_owed, run_url
from functions.api.schemas.holds import Refusal, RefusalRequest, ReleaseRequest
from functions.api.schemas.runs import RunAccepted, TriggerHeaders
from shared import wiring
from shared.domain.errors import RefreshError
from shared.operations import holds
from shared.operations.holds import NothingToDecide
from shared.operations.requests import Asking, KeyReused, TablesUnknown

routes = Blueprint("holds", __name__)
_TABLE = {"table": "The table, as schema.name."}


@routes.post("/api/refresh/tables/<table>/release")
@call(RunAccepted, tag="holds", status=HTTPStatus.ACCEPTED, errors=(404, 409), paths=_TABLE, located=True)
def release_held(
    table: str, headers: TriggerHeaders, json: ReleaseRequest
) -> tuple[RunAccepted, HTTPStatus, dict[str, str]]:
    """Publish what a run has held of a table, as it was shown, by a new run.

    Only the checks that had failed are overridden. Tables that were skipped because of the hold, and materialized
    views over the table, come with it. 409: `not_held`, `superseded` (newer data was published since),
    `already_running`, `released` or `refused` before, `table_disabled`, `hold_expired`, or `not_releasable`: a cost or
    a schema is mended and the table run again.
    """
    name = table_of_path(table)
    body = {"release": str(name), "run_id": None if json.run_id is None else str(json.run_id)}
    asking = Asking(subject=caller().subject, key=headers.idempotency_key, body=body)
    try:
        run_id = holds.release(wiring.store(), asking, name, json.run_id)
    except RefreshError as error:
        raise refusal(error) from error
    publish_owed()
    url = run_url(run_id)
    return RunAccepted(run_id=run_id, url=url), HTTPStatus.ACCEPTED, {"Location": url}


@routes.post("/api/refresh/tables/<table>/refuse")
@call(Refusal, tag="holds", errors=(404, 409), paths=_TABLE)
def refuse_held(table: str, json: RefusalRequest) -> Refusal:
    """Refuse what a run has held of a table: the same content stays held when it comes again, and nobody is asked.

    What differs from it is judged anew. 409: as for a release.
    """
    name = table_of_path(table)
    try:
        scopes = holds.refuse(wiring.store(), name, json.run_id, reason=json.reason, actor=caller().subject)
    except RefreshError as error:
        raise refusal(error) from error
    return Refusal(table=str(name), scopes=scopes)


def refusal(error: RefreshError) -> RefreshError | Refused:
    """What is answered when there is nothing to decide."""
    match error:
        case NothingToDecide(word=word):
            return Refused(HTTPStatus.CONFLICT, word, str(error))
        case TablesUnknown():
            detail = f"{error}. GET /api/refresh/config lists the tables."
            return Refused(HTTPStatus.NOT_FOUND, "unknown_table", detail)
        case KeyReused():
            detail = "This Idempotency-Key was used for another request. Use a new key, or send that request again."
            return Refused(HTTPStatus.CONFLICT, "idempotency_key_reused", detail)
        case _:
            return error
