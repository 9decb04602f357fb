"""The real application on a real database; BigQuery and Pub/Sub are fakes unless a test asks for more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http import HTTPStatus
from json import loads
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from functions.api.access import Bucket
from functions.api.app import create_app
from functions.api.contract import operations
from functions.api.schemas.status import Status
from functions.api.table_alerts import of_table
from shared import wiring
from shared.domain.errors import InvalidRegistration
from shared.ports import SourceTable
from tests.support.control_plane import ControlPlane

OPERATOR = "operator-token-of-the-tests"
VIEWER = "viewer-token-of-the-tests"
_CACHED = (
    wiring.settings,
    wiring.proofs,
    wiring.push_tokens,
    wiring.endpoint_secrets,
    wiring.runtime,
    wiring.notifier,
)


class Api:
    """Calls the application as an operator, unless said otherwise."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.app = create_app(bucket=Bucket(rate=1e6, burst=10**6))
        self.client = self.app.test_client()

    def __call__(
        self,
        method: str,
        path: str,
        *,
        token: str | None = OPERATOR,
        headers: dict[str, str] | None = None,
        **rest: Any,
    ) -> TestResponse:
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        response = self.client.open(path, method=method, headers=bearer | (headers or {}), **rest)
        if response.status_code == HTTPStatus.OK and response.mimetype == "application/json":
            self._check(response)
        return response

    def _check(self, response: TestResponse) -> None:
        """Every answer is of the call's model to the letter, whoever wrote it."""
        endpoint, _ = self.app.url_map.bind("").match(response.request.path, response.request.method)
        answers = operations[endpoint.rpartition(".")[2]].answers
        model = answers.model_validate_json(response.text, strict=True)
        assert loads(model.model_dump_json()) == loads(response.text)
        if isinstance(model, Status):
            self._check_alerts(model)

    def _check_alerts(self, status: Status) -> None:
        """Whatever is wrong with a table is told, though not every table is looked at."""
        told = {(alert.table, alert.kind) for alert in status.alerts}
        for table in status.tables:
            wrong = of_table(table, now=status.generated_at, dependents=())
            assert {(table.table, alert.kind) for alert in wrong} <= told

    def get(self, path: str, **rest: Any) -> Any:
        """The JSON of a call that has to go well."""
        response = self("GET", path, **rest)
        assert response.status_code == 200, response.text
        return response.get_json()

    def trigger(self, *tables: str, key: str | None = None, **body: Any) -> TestResponse:
        headers = {} if key is None else {"Idempotency-Key": key}
        named = {"tables": [one if "." in one else f"public.{one}" for one in tables]} if tables else {}
        return self("POST", "/api/refresh/trigger", json=named | body, headers=headers)


@pytest.fixture
def swept(plane: ControlPlane) -> None:
    """The sweep has just been there, however long ago the test's database was made."""
    plane.run(
        "INSERT INTO refresh.refresh_heartbeat VALUES ('sweep', now())"
        " ON CONFLICT (name) DO UPDATE SET beaten_at = excluded.beaten_at"
    )


@pytest.fixture
def plane(migrated_url: str) -> Iterator[ControlPlane]:
    """A control plane of the test's own, without any table."""
    plane = ControlPlane(migrated_url)
    plane.run("DELETE FROM refresh.refresh_table_registry")
    yield plane
    plane.store.close()


@pytest.fixture
def api(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setenv("DATABASE_URL", plane.url)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "test-refresh")
    monkeypatch.setenv("API_TOKEN", OPERATOR)
    monkeypatch.setenv("API_VIEWER_TOKEN", VIEWER)
    monkeypatch.setenv("REFRESH_LOG_FORMAT", "console")
    monkeypatch.setattr(wiring, "store", lambda: plane.store)
    monkeypatch.setattr(wiring, "bus", lambda: plane.bus)
    monkeypatch.setattr(wiring, "source", lambda: plane.source)
    forget()
    yield Api(plane)
    forget()


@pytest.fixture
def served(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The application on a port of its own, with three tables, none of whose sources exists."""

    def describe(reference: str) -> SourceTable:
        raise InvalidRegistration(f"source {reference} does not exist in BigQuery: correct `source`")

    monkeypatch.setenv("WEBHOOK_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    forget()
    api.plane.register("a", "b", "c")
    monkeypatch.setattr(api.plane.source, "describe", describe, raising=False)
    monkeypatch.setattr(api.plane.bus, "check", lambda: None, raising=False)
    server = make_server("127.0.0.1", 0, create_app(bucket=Bucket(rate=1e6, burst=10**6)), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def forget() -> None:
    """The next settings are read anew."""
    for made in _CACHED:
        made.cache_clear()
