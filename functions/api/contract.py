"""Calls and their models: what is read from a request, what it is answered with, and the OpenAPI document of both.

spectree finds the routes and writes the document. Reading is done here, because it has to be strict: a body is JSON of
exactly the model, and an unknown query parameter is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from flask import Response, request
from pydantic import BaseModel
from spectree import Response as Responses
from spectree import SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData
from spectree.plugins.flask_plugin import FlaskPlugin

from functions.api.problems import MEDIA_TYPE, Refused
from functions.api.schemas.problem import Problem

_ALWAYS = (401, 403, 413, 422, 429, 500, 503)
_DESCRIPTION = """\
Operate the daily refresh of Postgres tables from BigQuery: see whether the data is right and fresh, start refreshes,
read history and metrics, change the configuration.

Reads need the role viewer, everything else the role operator. Times are RFC 3339 in UTC. Errors are problem documents
(RFC 9457). Shadow tables, dry runs, backfills, release, promote and rollback are not available yet: a trigger refreshes
live tables.
"""


class _StrictFlask(FlaskPlugin):
    """Reads requests strictly, and answers with the model that a view returns."""

    def validate(
        self, func: Callable[..., Any], query: Any, json: Any, form: Any, headers: Any, *rest: Any, **given: Any
    ) -> Any:
        if query is not None:
            given["query"] = query.model_validate(_query())
        if headers is not None:
            given["headers"] = _headers(headers)
        if json is not None:
            given["json"] = json.model_validate_json(_body())
        return render(func(**given))


def _model_name(model: Any) -> str:
    return str(model.__name__)


def _nested_name(parent: str, child: str) -> str:
    return child


contract = SpecTree(
    backend=_StrictFlask,
    title="Daily BigQuery Refresh",
    description=_DESCRIPTION,
    version="1",
    path="unused",
    page_templates={},
    mode="strict",
    naming_strategy=_model_name,
    nested_naming_strategy=_nested_name,
    validation_error_model=Problem,
    security_schemes=[SecurityScheme(name="bearer", data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer"))],
    security=[{"bearer": []}],
)


def call(
    answers: type[BaseModel],
    *,
    tag: str,
    status: HTTPStatus = HTTPStatus.OK,
    errors: tuple[int, ...] = (),
    also: dict[int, type[BaseModel]] | None = None,
    paths: dict[str, str] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a view: its models are its parameters `query`, `json` and `headers`, and `answers`.

    `errors`: statuses of its own, beside those that every call can have. `also`: further good answers. `paths`: what
    the parts of the path mean.
    """
    models: dict[int, type[BaseModel]] = dict.fromkeys((*_ALWAYS, *errors), Problem)
    models |= {int(status): answers} | (also or {})

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        responses = Responses(**{f"HTTP_{code}": model for code, model in sorted(models.items())})
        validated = contract.validate(
            resp=responses,
            tags=[tag],
            operation_id=view.__name__,
            path_parameter_descriptions=paths,
            security=[{"bearer": []}],
        )
        decorated: Callable[..., Any] = validated(view)
        return decorated

    return decorate


def render(answer: Any) -> Response:
    """A model, with status and headers beside it if need be, as a response."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    if isinstance(parts[0], Response):
        return parts[0]
    model: BaseModel = parts[0]
    response = Response(
        model.model_dump_json(), mimetype="application/json", status=parts[1] if len(parts) > 1 else 200
    )
    if len(parts) > 2:
        response.headers.update(parts[2])
    return response


def document() -> dict[str, Any]:
    """The OpenAPI document: errors are problem documents, whatever the model's own media type would be."""
    described: dict[str, Any] = deepcopy(contract.spec)
    for operations in described["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if int(status) >= 400 and content.get("application/json", {}).get("schema", {}).get(
                    "$ref", ""
                ).endswith("/Problem"):
                    response["content"] = {MEDIA_TYPE: content["application/json"]}
    return described


def _query() -> dict[str, str]:
    twice = [name for name in request.args if len(request.args.getlist(name)) > 1]
    if twice:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", f"{', '.join(twice)}: given more than once")
    return request.args.to_dict()


def _headers(model: type[BaseModel]) -> BaseModel:
    names = {field.alias or name: field for name, field in model.model_fields.items()}
    missing = [name for name, field in names.items() if field.is_required() and name not in request.headers]
    if missing:
        raise Refused(HTTPStatus.PRECONDITION_REQUIRED, "header_missing", f"Send the header {', '.join(missing)}.")
    return model.model_validate({name: request.headers[name] for name in names if name in request.headers})


def _body() -> bytes:
    if not request.is_json:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send JSON, with Content-Type: application/json.",
        )
    return request.get_data()
