"""Asking for verifications, and reading the outcomes of checks."""

from __future__ import annotations

from tests.api.conftest import VIEWER, Api


def test_a_verification_is_a_run_of_its_own_mode(api: Api) -> None:
    api.plane.register("a", "b")
    answer = api("POST", "/api/refresh/verify", json={"tables": ["public.a"]})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/refresh/runs/{answer.get_json()['run_id']}"
    api.plane.deliver_owed()
    (task,) = api.get(f"/api/refresh/runs/{answer.get_json()['run_id']}")["tables"]
    assert (task["table"], task["mode"]) == ("public.a", "verify")


def test_it_is_in_no_refreshs_way_but_in_its_own(api: Api) -> None:
    api.plane.register("a")
    assert api("POST", "/api/refresh/verify", json={}).status_code == 202
    assert api.trigger("a").status_code == 202
    busy = api("POST", "/api/refresh/verify", json={})
    assert (busy.status_code, busy.get_json()["type"]) == (409, "urn:refresh:problem:already_running")


def test_what_is_not_live_or_not_there_is_refused(api: Api) -> None:
    api.plane.register("a", mode="disabled")
    assert api("POST", "/api/refresh/verify", json={"tables": ["public.a"]}).status_code == 409
    assert api("POST", "/api/refresh/verify", json={"tables": ["public.z"]}).status_code == 404
    assert api("POST", "/api/refresh/verify", json={"tables": []}).status_code == 422
    assert api("POST", "/api/refresh/verify", json={}, token=VIEWER).status_code == 403


def test_the_same_key_makes_one_run(api: Api) -> None:
    api.plane.register("a")
    headers = {"Idempotency-Key": "v1"}
    first = api("POST", "/api/refresh/verify", json={}, headers=headers).get_json()
    assert api("POST", "/api/refresh/verify", json={}, headers=headers).get_json() == first
    assert api.trigger("a", key="v1").status_code == 409


def test_checks_are_listed_filtered_and_paged(api: Api) -> None:
    api.plane.register("a", "b")
    for number in range(5):
        api.plane.run(
            "INSERT INTO refresh.refresh_data_quality (table_schema, table_name, metric, value, passed) "
            "VALUES ('public', :name, :metric, :value, :passed)",
            name="ab"[number % 2],
            metric="verified_table" if number < 4 else "other",
            value=number,
            passed=number % 2 == 0,
        )

    def values(query: str) -> list[float]:
        return [one["value"] for one in api.get(f"/api/refresh/quality?{query}")["items"]]

    assert values("") == [4, 3, 2, 1, 0]
    assert values("table=public.a") == [4, 2, 0]
    assert values("metric=verified_table&passed=false") == [3, 1]
    page = api.get("/api/refresh/quality?limit=2")
    assert values(f"limit=2&cursor={page['next_cursor']}") == [2, 1]
    assert api("GET", "/api/refresh/quality?passed=maybe").status_code == 422


def test_the_last_verification_decides_whether_there_is_an_alert(api: Api) -> None:
    api.plane.register("a")

    def alerts() -> list[str]:
        return [one["kind"] for one in api.get("/api/refresh/status")["alerts"] if one["kind"] == "not_equal"]

    for status, expected in (("success", []), ("warning", ["not_equal"]), ("success", [])):
        api("POST", "/api/refresh/verify", json={})
        api.plane.deliver_owed()
        api.plane.claim("a")
        api.plane.change("a", f"status = '{status}', reason = 'test', error = 'public.a is not equal'")
        api.plane.deliver_owed()
        assert alerts() == expected
