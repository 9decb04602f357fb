"""The OpenAPI document against the application, with all checks of schemathesis.

REFRESH_TEST_SEED, REFRESH_TEST_EXAMPLES: to look further than the suite, which takes a fixed seed and few examples.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from functions.api.access import Bucket
from functions.api.app import create_app
from shared.domain.errors import InvalidRegistration
from shared.ports import SourceTable
from tests.api.conftest import OPERATOR, Api, forget

SEED = os.environ.get("REFRESH_TEST_SEED", "20250602")
EXAMPLES = os.environ.get("REFRESH_TEST_EXAMPLES", "4")


@pytest.fixture
def url(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
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


@pytest.mark.usefixtures("swept")
def test_all_checks_on_every_call(url: str, tmp_path: Path) -> None:
    document = f"{url}/api/refresh/openapi.json"
    options = ["--checks", "all", "--max-examples", EXAMPLES, "--seed", SEED, "--generation-database", "none"]
    found = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("run", document, "--header", f"Authorization: Bearer {OPERATOR}", "--no-color", *options),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    print(f"seed {SEED}, {EXAMPLES} examples\n{found.stdout[-20_000:]}")
    assert found.returncode == 0, found.stderr
