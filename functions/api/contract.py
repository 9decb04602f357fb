"""Calls and their models: what is read from a request, what it is answered with, and the OpenAPI document of both.

spectree finds the routes and writes the document. Reading is done here, because it has to be strict: a body is JSON of
exactly the model, and an unknown query parameter is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from http import HTTPStatus
from json import dumps, loads
from typing import Any

from flask import Response, request
from pydantic import BaseModel
from spectree import Response as Responses
from spectree import SecurityScheme, SpecTree
from spectree.model_adapter.protocol import SchemaMode
from spectree.models import SecureType, SecuritySchemeData
from spectree.plugins.flask_plugin import FlaskPlugin
from werkzeug.exceptions import RequestEntityTooLarge

from functions.api.problems import MEDIA_TYPE, Refused
from functions.api.schemas.problem import FieldProblem, Problem

_IF_MATCH = "If-Match"
_PRECONDITION = (
    "Send the header If-Match with the ETag that was read, so that nobody else's change is lost: the answer is 412 "
    "when it is not the version now."
)
_ALWAYS = (401, 403, 413, 422, 429, 500, 503)
_DESCRIPTION = """\
Operate the daily refresh of Postgres tables from BigQuery: see whether the data is right and fresh, start refreshes,
read history and metrics, change the configuration.

Reads need the role viewer, everything else the role operator. Times are RFC 3339 in UTC. Errors are problem documents
(RFC 9457).
"""


class _StrictFlask(FlaskPlugin):
    """Reads requests strictly, and answers with the model that a view returns."""

    def validate(
        self, func: Callable[..., Any], query: Any, json: Any, form: Any, headers: Any, *rest: Any, **given: Any
    ) -> Any:
        if query is not None:
            given["query"] = query.model_validate(_query())
        if headers is not None:
            given["headers"] = headers.model_validate(_headers(headers))
        if json is not None:
            given["json"] = json() if _may_be_absent(json) else json.model_validate_json(_whole_numbers(_body()))
        return render(func(**given))


class _Contract(SpecTree):
    """Writes the schemas of models when the document is asked for: done for every call, it was most of the loading."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._declared: dict[str, tuple[type[BaseModel], SchemaMode]] = {}

    def _add_model(self, model: Any, mode: SchemaMode = "validation") -> str:
        name = _model_name(model)
        self._declared[name] = (model, mode)
        return name

    def _generate_spec(self) -> dict[str, Any]:
        for model, mode in self._declared.values():
            super()._add_model(model, mode)
        described: dict[str, Any] = super()._generate_spec()
        return described


def _model_name(model: Any) -> str:
    return str(model.__name__)


def _nested_name(parent: str, child: str) -> str:
    return child


contract = _Contract(
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
    """The OpenAPI document, with what spectree leaves out or says too widely put right."""
    described: dict[str, Any] = deepcopy(contract.spec)
    for schema in described["components"]["schemas"].values():
        _close(schema)
    for operations in described["paths"].values():
        for operation in operations.values():
            _tell_precondition(operation)
            _tell_optional_body(operation, described["components"]["schemas"])
            for parameter in operation["parameters"]:
                parameter["schema"] = _never_null(parameter["schema"])
            for status, response in operation["responses"].items():
                _say_problem(int(status), response)
    return described


def _tell_precondition(operation: dict[str, Any]) -> None:
    """If-Match is told in words. As a parameter it would say that any ETag is as good as the one that was read."""
    others = [parameter for parameter in operation["parameters"] if parameter["name"] != _IF_MATCH]
    if len(others) < len(operation["parameters"]):
        operation["parameters"] = others
        operation["description"] = f"{operation['description']}\n\n{_PRECONDITION}".strip()


def _tell_optional_body(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """A body of which nothing is needed may be left out."""
    body = operation.get("requestBody")
    if body is not None:
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        body["required"] = bool(schemas[name].get("required"))


def _close(schema: Any) -> None:
    """Keys that have a pattern have it always."""
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _close(part)
    if isinstance(schema, dict) and "patternProperties" in schema:
        schema.setdefault("additionalProperties", False)


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is there or is not; it cannot be null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) != 1:
        return schema
    others = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**others, **choices[0]}


def _say_problem(status: int, response: dict[str, Any]) -> None:
    """Errors are problem documents, and have their media type."""
    content = response.get("content", {})
    if status >= 400 and content.get("application/json", {}).get("schema", {}).get("$ref", "").endswith("/Problem"):
        response["content"] = {MEDIA_TYPE: content["application/json"]}


def _query() -> dict[str, str]:
    twice = [name for name in request.args if len(request.args.getlist(name)) > 1]
    if twice:
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", f"{', '.join(twice)}: given more than once")
    return request.args.to_dict()


def _headers(model: type[BaseModel]) -> dict[str, str]:
    names = [field.alias or name for name, field in model.model_fields.items()]
    return {name: request.headers[name] for name in names if name in request.headers}


def _whole_numbers(body: bytes) -> bytes:
    """The same JSON with 1.0 as 1: to JSON Schema both are integers."""
    try:
        return dumps(loads(body, parse_float=_number, parse_constant=_no_number)).encode()
    except (ValueError, RecursionError) as error:
        detail = f"body: is no JSON ({error})" if isinstance(error, ValueError) else "body: is nested too deeply"
        problem = [FieldProblem(field="body", problem=detail.removeprefix("body: "))]
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors=problem) from error


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not of JSON")


def _may_be_absent(model: type[BaseModel]) -> bool:
    """Whether there is no body, and the model needs nothing of one."""
    empty = not request.content_length and "Transfer-Encoding" not in request.headers
    return empty and not any(field.is_required() for field in model.model_fields.values())


def _body() -> bytes:
    if not request.is_json:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send JSON, with Content-Type: application/json.",
        )
    body = request.get_data()
    if request.content_length is None and len(body) >= (request.max_content_length or len(body) + 1):
        raise RequestEntityTooLarge  # of a body in chunks, no more than the limit was read
    return body
