"""What every answer has: headers, problems instead of stack traces, the right status for the wrong call."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from functions.api import app as application
from functions.api import main
from shared import tracing, wiring
from shared.domain.errors import CommitUnknown, RetryLater, StoreRefused
from tests.api.conftest import OPERATOR, Api


def test_headers_that_keep_browsers_safe_are_on_every_answer(api: Api) -> None:
    for path in ("/api/refresh/status", "/api/refresh/nowhere", "/metrics"):
        for token in (OPERATOR, None):
            headers = api("GET", path, token=token).headers
            assert headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Cache-Control"] == "no-store"
            assert "Access-Control-Allow-Origin" not in headers


def test_wrong_paths_and_methods_are_problems(api: Api) -> None:
    missing = api("GET", "/api/refresh/nowhere")
    assert (missing.status_code, missing.mimetype) == (404, "application/problem+json")
    method = api("DELETE", "/api/refresh/status")
    assert (method.status_code, method.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert api("GET", "/api/refresh/runs/not-a-uuid").status_code == 404


def test_queries_are_read_strictly(api: Api) -> None:
    for query in (
        "page=0",
        "page=1.0",
        "page=x",
        "page=",
        "page_size=101",
        "page_size=-1",
        "nonsense=1",
        "status=running",
        "table=a",
        "table=a.b.c",
        "from=yesterday",
        "from=2025-01-01",
        "from=1735689600",
        "to=2025-01-01T00:00:00",
        "page=1&page=2",
        "table=a.%00",
    ):
        response = api("GET", f"/api/refresh/history?{query}")
        assert response.status_code == 422, query
        assert response.get_json()["type"] == "urn:refresh:problem:invalid_request"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RetryLater("SELECT secret FROM somewhere"), 503),
        (CommitUnknown("the reply was lost"), 503),
        (StoreRefused("SELECT secret FROM somewhere", sqlstate="42601"), 500),
        (RuntimeError("SELECT secret FROM somewhere"), 500),
    ],
)
def test_what_goes_wrong_inside_is_not_shown(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def broken() -> Any:
        raise error

    monkeypatch.setattr(wiring, "store", broken)
    response = api("GET", "/api/refresh/status")
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert "SELECT" not in response.text
    assert "Traceback" not in response.text


def test_the_entry_point_answers_as_the_application_does(api: Api) -> None:
    main.application.cache_clear()
    environ = EnvironBuilder(
        path="/api/refresh/status", headers=[("Authorization", f"Bearer {OPERATOR}")]
    ).get_environ()
    response = main.api(Request(environ))  # type: ignore[arg-type]
    assert (response.status_code, response.mimetype) == (200, "application/json")
    main.application.cache_clear()


def test_a_body_that_is_too_large_is_not_read_to_its_end(api: Api) -> None:
    """The framework reads what is left of a body unless the answer is a stream."""
    headers = [("Authorization", f"Bearer {OPERATOR}"), ("Content-Type", "application/json")]
    builder = EnvironBuilder(path="/api/refresh/trigger", method="POST", headers=headers, input_stream=io.BytesIO(b" "))
    environ = builder.get_environ()
    environ["CONTENT_LENGTH"] = str(application.MAX_BODY_BYTES + 1)
    response = application.answer(api.app, environ)
    assert (response.status_code, response.is_streamed) == (413, True)


@pytest.mark.parametrize("token", [OPERATOR, "wrong"])
def test_a_body_in_chunks_is_read_no_further_than_the_limit(api: Api, token: str) -> None:
    headers = [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")]
    body = io.BytesIO(b" " * (4 * application.MAX_BODY_BYTES))
    builder = EnvironBuilder(path="/api/refresh/trigger", method="POST", headers=headers, input_stream=body)
    environ = builder.get_environ() | {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    del environ["CONTENT_LENGTH"]
    response = application.answer(api.app, environ)
    assert (response.status_code, response.is_streamed) == (413 if token == OPERATOR else 401, True)
    assert body.tell() <= application.MAX_BODY_BYTES


class Listening:
    """A `tracing.Tracer` that remembers what spans were begun below."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str | None]] = []

    @contextmanager
    def span(self, name: str, *, parent: str | None, **_: Any) -> Iterator[None]:
        self.spans.append((name, parent))
        yield

    def event(self, name: str) -> None:
        return

    def traceparent(self) -> str | None:
        return None

    def flush(self) -> None:
        return


@pytest.mark.parametrize(("flags", "kept"), [("01", True), ("03", True), ("00", False), ("02", False)])
def test_a_change_goes_on_with_the_trace_of_a_caller_who_keeps_it(api: Api, flags: str, kept: bool) -> None:
    """Bit 0 of the flags says that the caller keeps its spans; others are for other things."""
    parent = f"00-{'a' * 32}-{'b' * 16}-{flags}"
    listening = Listening()
    tracing.install(cast(tracing.Tracer, listening))
    try:
        for method, path in (("GET", "/api/refresh/config"), ("POST", "/api/refresh/trigger")):
            environ = EnvironBuilder(path, method=method, headers=[("traceparent", parent)]).get_environ()
            application.answer(api.app, environ)
    finally:
        tracing.install(None)
    assert listening.spans == [("POST request", parent if kept else None)]
