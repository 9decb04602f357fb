"""The Flask application: routes, guards, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from flask import Flask, Response
from werkzeug.routing import Rule
from werkzeug.wrappers import Response as WerkzeugResponse
from werkzeug.wsgi import get_content_length

from functions.api.access import Bucket, guard
from functions.api.pages.site import add_pages
from functions.api.problems import handle_problems
from shared import tracing, wiring

MAX_BODY_BYTES = 256 * 1024
_TEMPLATES = Path(__file__).with_name("templates")
_ROUTES = (
    "status",
    "health",
    "runs",
    "dry_runs",
    "holds",
    "quarantine",
    "rollback",
    "verification",
    "shadow",
    "history",
    "metrics",
    "costs",
    "backfills",
    "configuration",
    "registration",
    "named_sql",
    "dead_letters",
    "audit",
    "webhooks",
    "openapi",
)
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}


class _Rule(Rule):
    """Writes the code that makes its addresses when the first is asked for: for all routes, that was half of the
    application's making."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        @cache
        def builder() -> Callable[..., tuple[str, str]]:
            return Rule._compile_builder(self, append_unknown)

        return lambda rule, **values: builder()(rule, **values)


class _Application(Flask):
    url_rule_class = _Rule


def create_app(*, bucket: Bucket | None = None) -> Flask:
    """The application with every route. Settings are read here, so that wrong ones show at once."""
    wiring.settings()
    app = _Application("refresh-api", static_folder=None, template_folder=str(_TEMPLATES))
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, PROPAGATE_EXCEPTIONS=False)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # it redirects to http://, as behind a proxy nobody here knows better
    handle_problems(app)
    guard(app, bucket or Bucket(rate=200.0, burst=2000))
    for name in _ROUTES:
        app.register_blueprint(import_module(f"functions.api.routes.{name}").routes)
    add_pages(app)
    app.after_request(_secure)
    return app


def answer(app: Flask, environ: dict[str, Any]) -> Response:
    """The application's answer to a request that another application took in."""
    inner = _traced(app, environ)
    response = Response(inner.response, status=inner.status, headers=inner.headers)
    if _may_be_large(environ):
        # The framework reads the rest of a request's body into memory, unless the answer is a stream.
        response.response = _streamed(response.get_data())
        response.headers["Connection"] = "close"
    return response


def _traced(app: Flask, environ: dict[str, Any]) -> WerkzeugResponse:
    """Changes begin traces, or go on with the caller's. The platform's own that it does not keep is left out."""
    wiring.settings()
    method = environ["REQUEST_METHOD"]
    if method in ("GET", "HEAD", "OPTIONS"):
        return WerkzeugResponse.from_app(app.wsgi_app, environ)
    parent = environ.get("HTTP_TRACEPARENT", "")
    try:
        with tracing.span(f"{method} request", kind="server", parent=parent if tracing.is_kept(parent) else None):
            return WerkzeugResponse.from_app(app.wsgi_app, environ)
    finally:
        tracing.flush()


def _may_be_large(environ: dict[str, Any]) -> bool:
    """Whether the body is larger than any call's, or does not say how large it is."""
    length = get_content_length(environ)
    return "HTTP_TRANSFER_ENCODING" in environ if length is None else length > MAX_BODY_BYTES


def _streamed(body: bytes) -> Iterator[bytes]:
    yield body


def _secure(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
