"""Each component is asked at the same time, and never waited for longer than the limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from functions.api.routes import health
from shared import wiring
from shared.domain.errors import RetryLater
from shared.operations.health import Probe, Unwell, examine
from tests.api.conftest import Api


@pytest.fixture(autouse=True)
def fresh_probes() -> Iterator[None]:
    health._probes.cache_clear()
    yield
    health._probes.cache_clear()


def ask(api: Api) -> tuple[int, dict[str, str], dict[str, Any]]:
    response = api("GET", "/api/refresh/health")
    body = response.get_json()
    return response.status_code, {name: one["status"] for name, one in body["components"].items()}, body


@pytest.mark.usefixtures("swept")
def test_all_is_well(api: Api) -> None:
    api.plane.bus.check = lambda: None  # type: ignore[attr-defined]
    status, components, body = ask(api)
    assert (status, body["status"]) == (200, "ok")
    assert components == dict.fromkeys(("database", "bigquery", "pubsub", "sweep"), "ok")


@pytest.mark.usefixtures("swept")
def test_a_component_that_fails_is_named_and_its_secrets_are_not(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> None:
        raise RetryLater("connection to secret-host refused")

    api.plane.bus.check = down  # type: ignore[attr-defined]
    status, components, body = ask(api)
    assert status == 503
    assert components == {"database": "ok", "bigquery": "ok", "pubsub": "failing", "sweep": "ok"}
    assert "secret-host" not in str(body)


def test_a_database_that_is_gone_is_seen(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Any:
        raise RetryLater("gone")

    api.plane.bus.check = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setattr(wiring, "store", gone)
    status, components, _ = ask(api)
    assert (status, components["database"], components["sweep"]) == (503, "failing", "failing")


def test_a_sweep_that_is_silent_is_seen(api: Api) -> None:
    api.plane.bus.check = lambda: None  # type: ignore[attr-defined]
    api.plane.sweep()
    assert ask(api)[0] == 200
    api.plane.run("UPDATE refresh.refresh_heartbeat SET beaten_at = now() - interval '6 minutes'")
    status, components, body = ask(api)
    assert (status, components["sweep"]) == (503, "failing")
    assert "360 seconds ago" in body["components"]["sweep"]["detail"]
    alerts = api.get("/api/refresh/status")["alerts"]
    assert [one["kind"] for one in alerts] == ["sweep_silent"]


def test_one_that_hangs_is_given_up_and_not_asked_twice() -> None:
    release = threading.Event()
    asked = []

    def hang() -> str:
        asked.append(1)
        release.wait(30)
        return "late"

    def unwell() -> str:
        raise Unwell("tired")

    probes = {"slow": Probe("slow", hang), "well": Probe("well", lambda: "answers"), "ill": Probe("ill", unwell)}
    started = time.monotonic()
    found = examine(probes, seconds=0.2)
    assert time.monotonic() - started < 5
    assert {name: (one.ok, one.detail) for name, one in found.items()} == {
        "slow": (False, "did not answer in time"),
        "well": (True, "answers"),
        "ill": (False, "tired"),
    }
    examine(probes, seconds=0.01)
    assert len(asked) == 1
    release.set()
