"""The quarantine by the API: looked at, and read again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import VIEWER, Api


@pytest.fixture
def run_id(api: Api) -> str:
    """A run that has put two rows of a and one of b aside; the first of them was resolved since."""
    api.plane.register("a", "b")
    run_id: str = api.trigger("a", "b").get_json()["run_id"]
    api.plane.deliver_owed()
    for name in ("a", "b"):
        api.plane.finish(name, "warning")
    api.plane.deliver_owed()
    for name, reason in (("a", "too_long"), ("a", "null_in_not_null"), ("b", "too_long")):
        put_aside(api, run_id, name, reason)
    api.plane.run(
        "UPDATE refresh.refresh_quarantine SET resolved_at = now(), resolved_by = run_id"
        " WHERE quarantine_id = (SELECT min(quarantine_id) FROM refresh.refresh_quarantine)"
    )
    return run_id


def put_aside(api: Api, run_id: str, name: str, reason: str) -> None:
    """What a worker writes about a row that the target cannot hold."""
    api.plane.run(
        "INSERT INTO refresh.refresh_quarantine (run_id, table_schema, table_name, slice_no, scope, reason,"
        " column_name, source_row) VALUES (CAST(:run AS uuid), 'public', :name, 0, '2025-01-01', :reason, 'value',"
        " CAST(:row AS json))",
        run=run_id,
        name=name,
        reason=reason,
        row='{"id": 1, "value": "a\\\\u0000b"}',
    )


def listed(api: Api, query: str = "") -> list[tuple[str, str]]:
    items = api.get(f"/api/refresh/quarantine{query}")["items"]
    return [(one["table"], one["reason"]) for one in items]


def test_rows_are_listed_newest_first_with_their_payload(api: Api, run_id: str) -> None:
    found = api.get("/api/refresh/quarantine?page_size=2", token=VIEWER)
    assert found["pagination"] == {"page": 1, "page_size": 2, "total": 3, "pages": 2}
    assert [one["table"] for one in found["items"]] == ["public.b", "public.a"]
    row: dict[str, Any] = found["items"][1]
    assert (row["run_id"], row["scope"], row["column"], row["row"]) == (
        run_id,
        "2025-01-01",
        "value",
        {"id": 1, "value": "a\\u0000b"},
    )
    assert listed(api, "?page=2&page_size=2") == [("public.a", "too_long")]


def test_lists_are_narrowed(api: Api, run_id: str) -> None:
    assert listed(api, "?table=public.a") == [("public.a", "null_in_not_null"), ("public.a", "too_long")]
    assert listed(api, "?reason=too_long&state=open") == [("public.b", "too_long")]
    assert listed(api, "?state=resolved") == [("public.a", "too_long")]
    assert len(listed(api, f"?run_id={run_id}")) == 3
    assert listed(api, "?run_id=00000000-0000-0000-0000-000000000000") == []
    assert api("GET", "/api/refresh/quarantine?state=gone").status_code == 422


def test_a_replay_is_a_run_of_the_table(api: Api, run_id: str) -> None:
    path = "/api/refresh/tables/public.a/quarantine/replay"
    assert api("POST", path, token=VIEWER).status_code == 403
    key = {"Idempotency-Key": "once"}
    response = api("POST", path, headers=key)
    assert response.status_code == 202, response.text
    assert api("POST", path, headers=key).get_json() == response.get_json()
    api.plane.deliver_owed()
    run = api.get(response.headers["Location"])
    assert (run["request"]["replay_quarantine"], [one["table"] for one in run["tables"]]) == ("public.a", ["public.a"])
    busy = api("POST", path)
    assert (busy.status_code, busy.get_json()["type"]) == (409, "urn:refresh:problem:already_running")


def test_without_rows_in_quarantine_there_is_nothing_to_replay(api: Api) -> None:
    api.plane.register("c")
    response = api("POST", "/api/refresh/tables/public.c/quarantine/replay")
    assert (response.status_code, response.get_json()["type"]) == (409, "urn:refresh:problem:nothing_quarantined")
    assert api("POST", "/api/refresh/tables/public.d/quarantine/replay").status_code == 404
