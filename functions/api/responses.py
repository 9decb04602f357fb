"""Answers in the OpenAPI document: what each status means, and which headers come with it."""

from __future__ import annotations

from http import HTTPStatus
from inspect import getdoc
from typing import TYPE_CHECKING, Any

from functions.api.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from functions.api.contract import Operation

Json = dict[str, Any]

_MEANINGS = {
    HTTPStatus.UNAUTHORIZED: "There is no token, or none that is known here.",
    HTTPStatus.FORBIDDEN: "The caller may not do this; changes need the role operator.",
    HTTPStatus.NOT_FOUND: "There is no such thing.",
    HTTPStatus.CONFLICT: "It does not go with what is there now; the detail says what to do.",
    HTTPStatus.PRECONDITION_FAILED: "It was changed since it was read.",
    HTTPStatus.CONTENT_TOO_LARGE: "The body is larger than any call's.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not JSON by its Content-Type, or is compressed.",
    HTTPStatus.UNPROCESSABLE_CONTENT: "The request is not as described here; `errors` names the fields.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too soon, or too many requests.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of the service; its log has the cause.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Something that this needs is out of reach or busy; try again.",
}
_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
_OF_PROBLEMS = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate",),
    HTTPStatus.PRECONDITION_FAILED: ("ETag",),
    HTTPStatus.TOO_MANY_REQUESTS: ("Retry-After",),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",),
}


def _header(description: str, schema: Json | None = None, *, always: bool = True) -> Json:
    return {"description": description, "required": always, "schema": schema or {"type": "string"}}


HEADERS = {
    "ETag": _header("The version, for If-Match and If-None-Match."),
    "Location": _header("Where to see what was made or asked for.", {"type": "string", "format": "uri-reference"}),
    "Link": _header("Other pages of the list (RFC 8288): first, prev, next, last.", always=False),
    "Retry-After": _header("Seconds to wait.", {"type": "integer", "minimum": 0}),
    "WWW-Authenticate": _header("The scheme, and what is wrong with the token that was sent (RFC 6750)."),
}


def problems() -> Json:
    """One answer for each status that means something went wrong."""
    return {
        _name(status): {
            "description": meaning,
            **_headers(*_OF_PROBLEMS.get(status, ())),
            "content": {MEDIA_TYPE: _PROBLEM},
        }
        for status, meaning in _MEANINGS.items()
    }


def complete(operation: Json, declared: Operation, *, reads: bool) -> None:
    """Say of every answer of a call what it is."""
    listed = any(name in declared.answers.model_fields for name in ("pagination", "next_cursor", "next"))
    said = {"ETag": declared.tagged, "Location": declared.located, "Link": listed}
    for code, response in operation["responses"].items():
        status = HTTPStatus(int(code))
        (content,) = response["content"].values()
        if content == _PROBLEM:
            operation["responses"][code] = {"$ref": f"#/components/responses/{_name(status)}"}
            continue
        response["description"] = " ".join((getdoc(declared.answers) or "").split())
        response["content"] = {declared.media_type: content}
        if status.is_success:
            response |= _headers(*(name for name, there in said.items() if there))
        else:
            response["content"][MEDIA_TYPE] = _PROBLEM
    if declared.tagged and reads:
        not_modified = {"description": "The caller has it already, by If-None-Match.", **_headers("ETag")}
        operation["responses"]["304"] = not_modified
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _headers(*names: str) -> Json:
    return {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names}} if names else {}


def _name(status: HTTPStatus) -> str:
    return status.phrase.replace(" ", "")
