"""Asking for a run: what is answered, what is made, and what stands against it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.conftest import Api


def runs(api: Api) -> list[dict[str, Any]]:
    return api.plane.run("SELECT * FROM refresh.refresh_run ORDER BY created_at")


def test_it_is_accepted_published_at_once_and_planned_with_what_was_asked(api: Api) -> None:
    api.plane.register("a", "b")
    response = api.trigger("a", force=True)
    assert response.status_code == 202
    answer = response.get_json()
    assert answer["url"] == f"/api/refresh/runs/{answer['run_id']}"
    (message,) = api.plane.bus.of_topic("refresh-schedule")
    assert message.payload == {"version": 1, "kind": "manual", "run_id": answer["run_id"]}
    api.plane.deliver_owed()
    assert api.plane.tasks() == {"a": "queued"}
    assert api.plane.run("SELECT force FROM refresh.refresh_task") == [{"force": True}]


def test_without_tables_all_live_ones_are_refreshed(api: Api) -> None:
    api.plane.register("a", "b")
    api.plane.register("c", mode="disabled")
    assert api.trigger().status_code == 202
    api.plane.deliver_owed()
    assert set(api.plane.tasks()) == {"a", "b"}


def test_when_pubsub_is_down_the_run_is_accepted_and_the_sweep_publishes_it(api: Api) -> None:
    api.plane.register("a")
    api.plane.bus.down = True
    assert api.trigger("a").status_code == 202
    api.plane.bus.down = False
    api.plane.sweep()
    assert len(api.plane.bus.of_topic("refresh-schedule")) == 1


def test_the_same_key_and_body_get_the_same_answer_whatever_happened_since(api: Api) -> None:
    api.plane.register("a")
    first = api.trigger("a", key="k1").get_json()
    assert api.trigger("a", key="k1").get_json() == first
    api.plane.deliver_owed()
    api.plane.finish("a")
    api.plane.deliver_owed()
    again = api.trigger("a", key="k1")
    assert (again.status_code, again.get_json()) == (202, first)
    assert len(runs(api)) == 1


def test_the_same_key_with_another_body_is_an_error(api: Api) -> None:
    api.plane.register("a", "b")
    api.trigger("a", key="k1")
    response = api.trigger("b", key="k1")
    assert response.status_code == 409
    assert response.get_json()["type"] == "urn:refresh:problem:idempotency_key_reused"
    assert len(runs(api)) == 1


def test_keys_belong_to_whoever_sent_them(api: Api) -> None:
    api.plane.register("a")
    api.trigger("a", key="k1")
    assert runs(api)[0]["idempotency_key"] == "http:local:operator:k1"


def test_of_many_at_once_with_one_key_one_run_is_made(api: Api) -> None:
    api.plane.register("a")

    def ask(_: int) -> tuple[int, Any]:
        client = api.app.test_client()
        headers = {"Authorization": "Bearer operator-token-of-the-tests", "Idempotency-Key": "same"}
        response = client.post("/api/refresh/trigger", json={"tables": ["public.a"]}, headers=headers)
        return response.status_code, response.get_json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert len({answer["run_id"] for _, answer in answers}) == 1
    assert {status for status, _ in answers} == {202}


def test_of_many_at_once_without_a_key_the_others_are_told_that_it_runs(api: Api) -> None:
    api.plane.register("a")

    def ask(_: int) -> int:
        client = api.app.test_client()
        headers = {"Authorization": "Bearer operator-token-of-the-tests"}
        return client.post("/api/refresh/trigger", json={"tables": ["public.a"]}, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, range(8))) == [202] + [409] * 7
    assert len(runs(api)) == 1


def test_an_unknown_table_is_named(api: Api) -> None:
    api.plane.register("a")
    response = api.trigger("a", "nowhere")
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["tables"] == ["public.nowhere"]
    assert runs(api) == []


def test_a_disabled_table_is_refused(api: Api) -> None:
    api.plane.register("a", mode="disabled")
    response = api.trigger("a")
    assert (response.status_code, response.get_json()["type"]) == (409, "urn:refresh:problem:table_disabled")


def test_with_no_live_table_there_is_nothing_to_do(api: Api) -> None:
    assert api.trigger().status_code == 409


@pytest.mark.parametrize("planned", [False, True])
def test_a_table_that_is_being_refreshed_is_refused_even_with_force(api: Api, planned: bool) -> None:
    api.plane.register("a", "b")
    api.trigger("a")
    if planned:
        api.plane.deliver_owed()
    response = api.trigger("a", "b", force=True)
    assert (response.status_code, response.get_json()["type"]) == (409, "urn:refresh:problem:already_running")
    assert response.get_json()["tables"] == ["public.a"]
    assert api.trigger("b").status_code == 202


def test_within_an_hour_it_takes_force(api: Api) -> None:
    api.plane.register("a")
    api.trigger("a")
    api.plane.deliver_owed()
    api.plane.finish("a", "no_new_data")
    api.plane.deliver_owed()
    response = api.trigger("a")
    assert (response.status_code, response.get_json()["type"]) == (429, "urn:refresh:problem:too_soon")
    assert 3500 < int(response.headers["Retry-After"]) <= 3600
    assert api.trigger("a", force=True).status_code == 202


def test_after_a_failure_it_may_be_tried_again_at_once(api: Api) -> None:
    api.plane.register("a")
    api.trigger("a")
    api.plane.deliver_owed()
    api.plane.finish("a", "failed")
    api.plane.deliver_owed()
    assert api.trigger("a").status_code == 202


WRONG_BODIES: list[Any] = [
    {"tables": []},
    {"tables": "public.a"},
    {"tables": ["a"]},
    {"tables": ["public.a\x00"]},
    {"force": "yes"},
    {"force": 1},
    {"mode": "disabled"},
    {"backfill": {"from": "2025-01-01"}},
    {"unknown": 1},
    [],
    "text",
    1,
]


def test_a_body_that_is_not_right_is_refused(api: Api) -> None:
    for body in WRONG_BODIES:
        response = api("POST", "/api/refresh/trigger", json=body)
        assert response.status_code == 422, body
        problem = response.get_json()
        assert (problem["status"], problem["title"]) == (422, "Unprocessable Content")
        assert problem["errors"][0]["problem"]


def test_what_is_no_json_is_refused(api: Api) -> None:
    response = api("POST", "/api/refresh/trigger", data=b"{", headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    response = api("POST", "/api/refresh/trigger", data=b"{}", headers={"Content-Type": "text/plain"})
    assert response.status_code == 415
    response = api(
        "POST", "/api/refresh/trigger", data=b'{"tables":["\\ud800.a"]}', headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422


def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    response = api("POST", "/api/refresh/trigger", data=b" " * 300_000, headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert response.get_json()["status"] == 413


def test_a_run_made_by_hand_is_in_the_audit_with_who(api: Api) -> None:
    api.plane.register("a")
    run_id = api.trigger("a").get_json()["run_id"]
    (entry,) = api.get(f"/api/refresh/audit?run_id={run_id}&event=run_created")["items"]
    assert entry["by"] == "local:operator"
