"""Shadows: GET …/tables/{table}/shadow-report, POST …/tables/{table}/promote, …/demote"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint

from functions.api.access import caller
from functions.api.contract import call
from functions.api.problems import Refused, not_found
from functions.api.routes.configuration import table_of_path
from functions.api.routes.runs import publish_owed
from functions.api.schemas.shadow import Demoted, DemoteRequest, Promoted, PromoteRequest, ShadowQuery, ShadowReport
from shared import wiring
from shared.operations import documents, shadows
from shared.operations.requests import TablesUnknown
from shared.operations.shadows import CannotPromote

routes = Blueprint("shadow", __name__)
_TABLE = {"table": "The table, as schema.name."}


@routes.get("/api/refresh/tables/<table>/shadow-report")
@call(ShadowReport, tag="shadow", errors=(404,), paths=_TABLE)
def get_shadow_report(table: str, query: ShadowQuery) -> ShadowReport:
    """How the table's shadow has differed from it, day by day, and how many clean days it still needs."""
    named = table_of_path(table)
    text = documents.read(wiring.store(), "read_shadow_report", schema=named.schema, name=named.name, days=query.days)
    if text is None:
        raise _unknown(table)
    return ShadowReport.model_validate_json(text)


@routes.post("/api/refresh/tables/<table>/promote")
@call(Promoted, tag="shadow", errors=(404, 409), paths=_TABLE)
def promote_table(table: str, json: PromoteRequest) -> Promoted:
    """Make what is in the table's shadow live, in one transaction; the table is refreshed live from then on.

    It writes only rows that differ; indexes, grants and views stay. It is a run of its own, which rollback takes back.
    409: it is not in shadow mode, or has not had its clean days: the detail says how many, and how the latest differed.
    """
    if json.force and json.reason is None:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "reason: a forced promotion needs one")
    try:
        text = shadows.promote(
            wiring.store(), table_of_path(table), force=json.force, reason=json.reason, requested_by=caller().subject
        )
    except TablesUnknown as error:
        raise _unknown(table) from error
    except CannotPromote as error:
        raise Refused(HTTPStatus.CONFLICT, "cannot_promote", f"{error}") from error
    publish_owed()
    return Promoted.model_validate_json(text)


@routes.post("/api/refresh/tables/<table>/demote")
@call(Demoted, tag="shadow", errors=(404, 409), paths=_TABLE)
def demote_table(table: str, json: DemoteRequest) -> Demoted:
    """Back to shadow mode: the live table stays as it is, for another program to fill; its copy becomes the shadow.

    409: the table is not live.
    """
    try:
        text = shadows.demote(wiring.store(), table_of_path(table), reason=json.reason, requested_by=caller().subject)
    except TablesUnknown as error:
        raise _unknown(table) from error
    except CannotPromote as error:
        raise Refused(HTTPStatus.CONFLICT, "cannot_demote", f"{error}") from error
    return Demoted.model_validate_json(text)


def _unknown(table: str) -> Refused:
    return not_found(f"Not registered: {table}. GET /api/refresh/config lists the tables.")
