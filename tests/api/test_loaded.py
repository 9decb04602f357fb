"""What the API does once, so that no request waits for it."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.routing import Rule

from functions.api.main import application
from infra.local.stack import ROOT
from shared import wiring

_ENVIRONMENT = {
    "DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/nothing",
    "GOOGLE_CLOUD_PROJECT": "test",
    "API_TOKEN": "token",
}
_LOADED_WHEN_USED = (
    "cryptography",
    "google.cloud.bigquery",
    "google.cloud.pubsub",
    "opentelemetry.sdk",
    "pg8000",
    "pgpq",
    "pyarrow",
    "sqlglot",
    "shared.orchestration",
    "shared.refresh.worker",
    "shared.webhooks.sending",
    "standardwebhooks",
)
_LOOK = """
import json, sys
from functions.api.main import application
application()
from functions.api.schemas.fields import Answer, Body, Query
def below(model): return [one for sub in model.__subclasses__() for one in (sub, *below(sub))]
models = [one for base in (Answer, Body, Query) for one in below(base)]
print(json.dumps({
    "modules": [name for name in sys.argv[1:] if name in sys.modules],
    "models": len(models),
    "built": [one.__name__ for one in models if one.__pydantic_complete__],
}))
"""


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Settings that are enough, and no application so far."""
    for name, value in _ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    made = (wiring.settings, wiring.proofs, application)
    for one in made:
        one.cache_clear()
    yield
    for one in made:
        one.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_no_request_waits_for_the_collector_to_look_through_all_that_was_loaded() -> None:
    gc.collect()
    gc.unfreeze()
    try:
        application()
        assert len(gc.get_objects()) < gc.get_freeze_count() / 10
        assert gc.isenabled()
    finally:
        gc.unfreeze()


@pytest.mark.usefixtures("fresh")
def test_code_that_makes_addresses_is_written_for_those_that_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    write = Rule._compile_builder

    def counted(rule: Rule, append_unknown: bool = True) -> Any:
        written.append(rule.rule)
        return write(rule, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", counted)
    made = application()
    assert written == []
    with made.test_request_context():
        assert made.url_for("pages.runs.listed", page=2) == "/runs?page=2"
        assert made.url_for("pages.runs.listed", page=3) == "/runs?page=3"
    assert written == ["/runs"]


def test_what_the_first_request_does_not_use_is_neither_loaded_nor_built() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOOK, *_LOADED_WHEN_USED], cwd=ROOT, env=_ENVIRONMENT, capture_output=True, check=True
    )
    seen = json.loads(done.stdout)
    assert seen["modules"] == []
    assert seen["models"] > 100
    assert seen["built"] == []
