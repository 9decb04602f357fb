"""Release and refuse by the API: who may, what is answered, what is said when there is nothing to decide."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.api.conftest import VIEWER, Api

TABLE = "public.a"


@pytest.fixture
def run_id(api: Api) -> str:
    """A run in which a was held by a check, and b, which depends on it, skipped."""
    api.plane.register("a", "b")
    api.plane.depend("b", "a")
    run_id: str = api.trigger("a", "b").get_json()["run_id"]
    api.plane.deliver_owed()
    hold(api, "a")
    api.plane.deliver_owed()
    return run_id


def hold(api: Api, name: str) -> None:
    """What a worker leaves behind that finds the source halved."""
    plane = api.plane
    plane.claim(name)
    plane.run(
        "INSERT INTO refresh.refresh_task_scope (run_id, table_schema, table_name, scope, action, fingerprint, rows)"
        " SELECT run_id, table_schema, table_name, '2025-06-01', 'changed', 'f', 1 FROM refresh.refresh_task"
        " WHERE table_name = :name AND status = 'running'",
        name=name,
    )
    plane.run(
        "INSERT INTO refresh.refresh_data_quality (run_id, table_schema, table_name, metric, outcome, passed)"
        " SELECT run_id, table_schema, table_name, 'table_rows', 'hold', false FROM refresh.refresh_task"
        " WHERE table_name = :name AND status = 'running'",
        name=name,
    )
    plane.change(name, "status = 'held', reason = 'halved_source', error = 'half of it'")


def post(api: Api, verb: str, table: str = TABLE, **rest: Any) -> TestResponse:
    return api("POST", f"/api/refresh/tables/{table}/{verb}", **rest)


def test_a_release_is_a_run_with_the_tables_that_were_skipped(api: Api, run_id: str) -> None:
    response = post(api, "release", json={"run_id": run_id})
    assert response.status_code == 202, response.text
    api.plane.deliver_owed()
    run = api.get(response.headers["Location"])
    assert (run["trigger"], run["request"]["release_of"], run["request"]["release"]) == ("manual", run_id, TABLE)
    assert [one["table"] for one in run["tables"]] == [TABLE, "public.b"]
    assert run["snapshot_at"] == api.get(f"/api/refresh/runs/{run_id}")["snapshot_at"]
    (entry,) = api.get("/api/refresh/audit?event=hold_released")["items"]
    assert (entry["by"], entry["run_id"]) == ("local:operator", run_id)


@pytest.mark.parametrize("rest", [{}, {"json": {}}, {"json": {"run_id": None}}])
def test_without_a_run_the_latest_is_released(api: Api, run_id: str, rest: dict[str, Any]) -> None:
    assert post(api, "release", **rest).status_code == 202


def test_the_same_key_gets_the_same_run(api: Api, run_id: str) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = (post(api, "release", json={}, headers=key) for _ in range(2))
    assert first.get_json() == second.get_json()
    assert post(api, "release", json={"run_id": run_id}, headers=key).status_code == 409


def test_a_refusal_is_told_once_and_kept_with_its_reason(api: Api, run_id: str) -> None:
    response = post(api, "refuse", json={"reason": "the export was cut off"})
    assert (response.status_code, response.get_json()) == (200, {"table": TABLE, "scopes": 1})
    for verb, body in (("refuse", {"reason": "again"}), ("release", {})):
        again = post(api, verb, json=body)
        assert (again.status_code, again.get_json()["type"]) == (409, "urn:refresh:problem:refused")
        assert "the export was cut off" in again.get_json()["detail"]
    (entry,) = api.get("/api/refresh/audit?event=hold_refused")["items"]
    assert (entry["by"], entry["details"]["why"]) == ("local:operator", "the export was cut off")


def test_what_cannot_be_decided_says_why(api: Api, run_id: str) -> None:
    def problem(verb: str, table: str, **body: Any) -> tuple[int, str]:
        response = post(api, verb, table, json=body)
        return response.status_code, response.get_json()["type"].removeprefix("urn:refresh:problem:")

    assert problem("release", "public.unknown") == (404, "unknown_table")
    assert problem("release", "nothing") == (404, "not_found")
    assert problem("refuse", TABLE) == (422, "invalid_request")
    assert problem("refuse", TABLE, reason="  ") == (422, "invalid_request")
    assert problem("release", TABLE, run_id="x") == (422, "invalid_request")
    assert problem("release", TABLE, run_id=str(uuid4())) == (409, "not_held")
    assert problem("release", "public.b") == (409, "not_held")
    assert post(api, "release", json={}).status_code == 202
    assert problem("refuse", TABLE, reason="too late") == (409, "already_running")


def test_the_status_tells_what_is_held_and_who_has_refused_it(api: Api, run_id: str) -> None:
    def hold_and_advice() -> tuple[dict[str, Any], str]:
        status = api.get("/api/refresh/status")
        (table,) = [one for one in status["tables"] if one["table"] == TABLE]
        (alert,) = [one for one in status["alerts"] if (one["table"], one["kind"]) == (TABLE, "held")]
        return table["hold"], alert["what_to_do"]

    held, advice = hold_and_advice()
    assert (held["run_id"], held["scopes"], held["checks"], held["refused_by"]) == (run_id, 1, ["table_rows"], None)
    assert f"POST /api/refresh/tables/{TABLE}/release" in advice
    post(api, "refuse", json={"reason": "the export was cut off"})
    held, advice = hold_and_advice()
    assert (held["refused_by"], held["refused_because"]) == ("local:operator", "the export was cut off")
    assert "local:operator has refused it: the export was cut off" in advice
    (other,) = [one for one in api.get("/api/refresh/status")["tables"] if one["table"] == "public.b"]
    assert other["hold"] is None


def test_viewers_decide_nothing(api: Api, run_id: str) -> None:
    assert post(api, "release", json={}, token=VIEWER).status_code == 403
    assert post(api, "refuse", json={"reason": "no"}, token=VIEWER).status_code == 403
