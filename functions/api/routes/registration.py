"""New tables: GET …/registration-suggestion, POST …/registration-preview, POST …/config"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from flask import Blueprint

from functions.api.access import caller
from functions.api.contract import call
from functions.api.problems import Refused, not_found
from functions.api.routes.configuration import Tagged, answer_of, noted, table_of_path
from functions.api.schemas.configuration import TableConfiguration
from functions.api.schemas.registration import (
    Registration,
    RegistrationPreview,
    RegistrationSuggestion,
    SuggestionQuery,
)
from shared import wiring
from shared.domain.errors import InvalidRegistration
from shared.operations import registration as operations
from shared.operations import suggestions
from shared.operations.registration import AlreadyRegistered, TargetMissing

routes = Blueprint("registration", __name__)


@routes.get("/api/refresh/registration-suggestion")
@call(RegistrationSuggestion, tag="configuration", errors=(404,))
def suggest_registration(query: SuggestionQuery) -> RegistrationSuggestion:
    """Key, scope, types and DDL for a new table, by the schema of its source in BigQuery. 404: it cannot be read."""
    try:
        found = suggestions.suggest_registration(wiring.source(), query.source, table_of_path(query.table))
    except InvalidRegistration as error:
        raise not_found(f"{error}.") from error
    registration = {"table": query.table, **found.options}
    return RegistrationSuggestion(registration=registration, ddl=found.ddl, notes=list(found.notes))


@routes.post("/api/refresh/registration-preview")
@call(RegistrationPreview, tag="configuration", errors=(404, 409))
def preview_registration(json: Registration) -> RegistrationPreview:
    """What registering the table would find. Checks it as POST /api/refresh/config does, and keeps nothing."""
    return RegistrationPreview(table=json.table, **asdict(_checked(operations.look, json)))


@routes.post("/api/refresh/config")
@call(TableConfiguration, tag="configuration", status=HTTPStatus.CREATED, errors=(404, 409), tagged=True, located=True)
def register_table(json: Registration) -> Tagged:
    """Register a table that exists in Postgres. Checked against source and target.

    404: the table does not exist in Postgres; GET /api/refresh/registration-suggestion has DDL for it. 409: it is
    registered already, or does not fit its source.
    """
    note = _checked(operations.register, json)
    answer, status, headers = answer_of(table_of_path(json.table), HTTPStatus.CREATED)
    located = {"Location": f"/api/refresh/config/{quote(json.table, safe='')}"}
    return answer, status, headers | located | noted([] if note is None else [note])


def _checked[Found](what: Callable[..., Found], json: Registration) -> Found:
    """Look at a registration, or make it; what stands against it is answered alike."""
    table = table_of_path(json.table)
    options: dict[str, Any] = (
        {"handler": "generic"}
        | json.given()
        | ({"depends_on": json.depends_on} if "depends_on" in json.model_fields_set else {})
    )
    try:
        return what(wiring.store(), wiring.source(), table, options, actor=caller().subject)
    except TargetMissing as error:
        raise not_found(f"{error}. GET /api/refresh/registration-suggestion has DDL for it.") from error
    except AlreadyRegistered as error:
        detail = f"{error}. Change it by PUT /api/refresh/config/{table}."
        raise Refused(HTTPStatus.CONFLICT, "already_registered", detail) from error
