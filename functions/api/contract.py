"""Calls and their models: what is read from a request, and what it is answered with.

spectree finds the routes and writes the document, which `functions/api/document.py` completes. Reading is done here,
because it has to be strict: a body is JSON of exactly the model, and an unknown query parameter is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from json import dumps, loads
from typing import Any

from flask import Response, request
from pydantic import BaseModel
from spectree import Response as Responses
from spectree import SpecTree
from spectree.model_adapter.protocol import SchemaMode
from spectree.plugins.flask_plugin import FlaskPlugin
from werkzeug.exceptions import RequestEntityTooLarge

from functions.api.links import page_links
from functions.api.preconditions import not_modified
from functions.api.problems import Refused
from functions.api.schemas.problem import FieldProblem, Problem

_ALWAYS = (401, 403, 422, 429, 500, 503)
_OF_A_BODY = (413, 415)
_JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What the document says of a call beside its models."""

    answers: type[BaseModel]
    errors: tuple[int, ...]
    tagged: bool
    located: bool
    media_type: str


@dataclass(frozen=True, kw_only=True)
class Written[Model: BaseModel]:
    """An answer that the database wrote as JSON: it is sent as it is. Tests hold it to the model, no reader does."""

    text: str


class _StrictFlask(FlaskPlugin):
    """Reads requests strictly, and answers with the model that a view returns."""

    def validate(
        self, func: Callable[..., Any], query: Any, json: Any, form: Any, headers: Any, *rest: Any, **given: Any
    ) -> Any:
        parameters = _query()
        if query is not None:
            given["query"] = query.model_validate(parameters)
        elif parameters:
            raise _invalid(next(iter(parameters)), f"{', '.join(parameters)}: this call takes no such parameter")
        if headers is not None:
            given["headers"] = headers.model_validate(_headers(headers))
        if json is not None:
            given["json"] = json() if _may_be_absent(json) else json.model_validate_json(_plain_json(_body()))
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
    path="unused",
    page_templates={},
    mode="strict",
    naming_strategy=_model_name,
    nested_naming_strategy=_nested_name,
    validation_error_model=Problem,
)
operations: dict[str, Operation] = {}
"""By operationId."""


def call(
    answers: type[BaseModel],
    *,
    tag: str,
    status: HTTPStatus = HTTPStatus.OK,
    errors: tuple[int, ...] = (),
    also: dict[int, type[BaseModel]] | None = None,
    paths: dict[str, str] | None = None,
    tagged: bool = False,
    located: bool = False,
    media_type: str = _JSON,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a view: its models are its parameters `query`, `json` and `headers`, and `answers`; its name is that of
    the operation.

    `errors`: statuses of its own, beside those that every call can have. `also`: further good answers. `paths`: what
    the parts of the path mean. `tagged`, `located`: whether good answers have an ETag, a Location. `media_type`: that
    of good answers, where it is not JSON.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        of_a_body = _OF_A_BODY if "json" in view.__annotations__ else ()
        models: dict[int, type[BaseModel]] = dict.fromkeys((*_ALWAYS, *of_a_body, *errors), Problem)
        models |= {int(status): answers} | (also or {})
        operations[view.__name__] = Operation(
            answers=answers, errors=errors, tagged=tagged, located=located, media_type=media_type
        )
        validated = contract.validate(
            resp=Responses(**{f"HTTP_{code}": model for code, model in sorted(models.items())}),
            tags=[tag],
            operation_id=view.__name__,
            path_parameter_descriptions=paths,
        )
        decorated: Callable[..., Any] = validated(view)
        return decorated

    return decorate


def render(answer: Any) -> Response:
    """A model or what is written of one, with status and headers beside it if need be, as a response."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    if isinstance(parts[0], Response):
        return parts[0]
    body: BaseModel | Written[Any] = parts[0]
    headers = parts[2] if len(parts) > 2 else {}
    if not_modified(headers.get("ETag")):
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    text = body.text if isinstance(body, Written) else body.model_dump_json()
    response = Response(text, mimetype=_JSON, status=parts[1] if len(parts) > 1 else HTTPStatus.OK)
    response.headers.update(headers)
    links = "" if isinstance(body, Written) else page_links(body)
    if links:
        response.headers["Link"] = links
    return response


def _query() -> dict[str, str]:
    twice = [name for name in request.args if len(request.args.getlist(name)) > 1]
    if twice:
        raise _invalid(twice[0], f"{', '.join(twice)}: given more than once")
    return request.args.to_dict()


def _headers(model: type[BaseModel]) -> dict[str, str]:
    names = [field.alias or name for name, field in model.model_fields.items()]
    return {name: request.headers[name] for name in names if name in request.headers}


def _plain_json(body: bytes) -> bytes:
    """The same JSON, without what two readers could take for different things; 1.0 becomes 1, an integer as well."""
    try:
        read = loads(body, parse_float=_number, parse_constant=_no_number, object_pairs_hook=_once_each)
        return dumps(read).encode()
    except RecursionError as error:
        raise _invalid("body", "body: is nested too deeply") from error
    except ValueError as error:
        raise _invalid("body", f"body: is no JSON ({error})") from error


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is too large for a number")
    return int(number) if number.is_integer() else number


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not of JSON")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"an object has {dumps(name[:100])} twice")
        found[name] = value
    return found


def _may_be_absent(model: type[BaseModel]) -> bool:
    """Whether there is no body, and the model needs nothing of one."""
    empty = not request.content_length and "Transfer-Encoding" not in request.headers
    return empty and not any(field.is_required() for field in model.model_fields.values())


def _body() -> bytes:
    if request.mimetype != _JSON:
        raise _unsupported("Send JSON, with Content-Type: application/json.", "Accept", _JSON)
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise _unsupported("Send the body as it is, without a Content-Encoding.", "Accept-Encoding", "identity")
    body = request.get_data()
    if request.content_length is None and len(body) >= (request.max_content_length or len(body) + 1):
        raise RequestEntityTooLarge  # of a body in chunks, no more than the limit was read
    return body


def _unsupported(detail: str, header: str, takes: str) -> Refused:
    return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail, headers={header: takes})


def _invalid(field: str, detail: str) -> Refused:
    problem = FieldProblem(field=field, problem=detail.partition(": ")[2])
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors=[problem])
