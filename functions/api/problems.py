"""Errors as problem documents (RFC 9457): what went wrong, and what to do. Never a stack trace or a statement."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from functions.api.schemas.problem import FieldProblem, Problem
from shared.domain.errors import CommitUnknown, InvalidRegistration, RetryLater, StoreRefused
from shared.domain.identity import NotIdentified, NotPermitted

MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_SECONDS = 5
_UNFIT_VALUE = "22"
_BROKEN_RULE = "23"
"""Classes of SQLSTATE: a value that the type cannot hold; one that does not go with what else is there."""
_UNROUTED = {
    HTTPStatus.NOT_FOUND: "There is nothing at this path. GET /api/refresh/openapi.json lists all calls.",
    HTTPStatus.METHOD_NOT_ALLOWED: "There is no such call at this path; Allow names the methods that there are.",
}
_log = structlog.get_logger()


class Refused(Exception):
    """A request that is answered with a problem. `kind` is a stable word, `detail` tells people what to do."""

    def __init__(
        self, status: HTTPStatus, kind: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any
    ):
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}
        self.more = more


def not_found(what: str) -> Refused:
    """There is no such thing, or none that the caller could mean."""
    return Refused(HTTPStatus.NOT_FOUND, "not_found", what)


def handle_problems(app: Flask) -> None:
    """Answer every error of the application with a problem."""
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(NotIdentified, _not_identified)
    app.register_error_handler(NotPermitted, _not_permitted)
    app.register_error_handler(InvalidRegistration, _invalid_registration)
    app.register_error_handler(StoreRefused, _store_refused)
    app.register_error_handler(RetryLater, _passing)
    app.register_error_handler(CommitUnknown, _passing)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def problem(status: HTTPStatus, kind: str, detail: str, **more: Any) -> Response:
    """A response that holds a problem."""
    document = Problem(
        type=f"urn:refresh:problem:{kind}",
        title=status.phrase,
        status=status,
        detail=detail,
        instance=quote(request.path),
        **more,
    )
    return Response(document.model_dump_json(exclude_none=True), status=status, mimetype=MEDIA_TYPE)


def _refused(error: Refused) -> Response:
    response = problem(error.status, error.kind, error.detail, **error.more)
    response.headers.update(error.headers)
    return response


def _invalid(error: ValidationError) -> Response:
    fields = [
        FieldProblem(
            field=".".join(str(part) for part in one["loc"]) if one["loc"] else "body",
            problem=one["msg"].removeprefix("Value error, "),
        )
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    detail = "; ".join(f"{one.field}: {one.problem}" for one in fields[:10])
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", detail, errors=fields[:100])


def _not_identified(error: NotIdentified) -> Response:
    response = problem(HTTPStatus.UNAUTHORIZED, "not_identified", f"Send a valid bearer token: {error}.")
    response.headers["WWW-Authenticate"] = _challenge("invalid_token" if _has_token() else None)
    return response


def _not_permitted(error: NotPermitted) -> Response:
    response = problem(HTTPStatus.FORBIDDEN, "not_permitted", str(error))
    if _has_token():
        response.headers["WWW-Authenticate"] = _challenge("insufficient_scope")
    return response


def _has_token() -> bool:
    return request.authorization is not None and request.authorization.type == "bearer"


def _challenge(error: str | None) -> str:
    """What RFC 6750 has said to a caller; without an error where there was no token at all."""
    return 'Bearer realm="refresh"' + ("" if error is None else f', error="{error}"')


def _invalid_registration(error: InvalidRegistration) -> Response:
    return problem(HTTPStatus.CONFLICT, error.reason, str(error))


def _store_refused(error: StoreRefused) -> Response:
    if error.sqlstate.startswith(_BROKEN_RULE):
        return problem(HTTPStatus.CONFLICT, "refused_by_database", _without_row(str(error)))
    if error.sqlstate.startswith(_UNFIT_VALUE):
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "refused_by_database", str(error))
    return _unexpected(error)


def _without_row(text: str) -> str:
    """Postgres's message without the whole row that it shows for a broken constraint."""
    return text.partition(" Failing row contains")[0]


def _passing(error: RetryLater | CommitUnknown) -> Response:
    _log.warning("request_postponed", path=request.path, error=str(error))
    detail = "Something that this needs is out of reach or busy. Try again; GET /api/refresh/health says what it is."
    response = problem(HTTPStatus.SERVICE_UNAVAILABLE, "try_again", detail)
    response.headers["Retry-After"] = str(_RETRY_AFTER_SECONDS)
    return response


def _http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    detail = _UNROUTED.get(status) or error.description or status.description
    response = problem(status, status.name.lower(), detail)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _unexpected(error: Exception) -> Response:
    _log.exception("request_failed", path=request.path, exc_info=error)
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "This is a fault of the service; its log has the cause."
    )
