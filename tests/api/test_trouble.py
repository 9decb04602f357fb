"""The overview and the health in trouble: they say so in time, and wait for nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from functions.api.routes import health
from tests.api.conftest import Api


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(health, "LIMIT_SECONDS", 1.0)
    health._probes.cache_clear()
    yield
    health._probes.cache_clear()


@pytest.mark.usefixtures("swept")
def test_a_table_that_is_locked_makes_the_overview_say_try_again_and_not_wait(api: Api) -> None:
    api.plane.register("a")
    with api.plane.store.transaction() as session:
        session.run("LOCK TABLE refresh.refresh_table_registry IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        response = api("GET", "/api/refresh/status")
        assert time.monotonic() - started < 15
    assert (response.status_code, response.get_json()["type"]) == (503, "urn:refresh:problem:try_again")
    assert response.headers["Retry-After"]
    assert "registry" not in response.text, "no SQL, no names of ours"
    assert api("GET", "/api/refresh/status").status_code == 200


@pytest.mark.usefixtures("swept")
def test_a_component_that_hangs_fails_alone_and_the_answer_comes_in_time(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def hang() -> Any:
        over.wait(60)

    api.plane.bus.check = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setattr(api.plane.source, "now", hang)
    started = time.monotonic()
    response = api("GET", "/api/refresh/health")
    assert time.monotonic() - started < 10
    over.set()
    components = response.get_json()["components"]
    assert response.status_code == 503
    assert {name: one["status"] for name, one in components.items()} == {
        "database": "ok",
        "bigquery": "failing",
        "pubsub": "ok",
        "sweep": "ok",
    }
    assert components["bigquery"]["detail"] == "did not answer in time"
    assert components["bigquery"]["duration_ms"] >= 1000
    assert api.get("/api/refresh/status")["overall_status"] == "healthy", "the overview needs no BigQuery"
