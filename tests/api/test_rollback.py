"""Runs taken back by the API: what comes of it, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.api.conftest import VIEWER, Api
from tests.support.staged import Item, StagedEngine, StagedTable


@pytest.fixture
def table(api: Api) -> Iterator[StagedTable]:
    engine = StagedEngine(api.plane.url)
    yield StagedTable(engine)
    engine.close()


def publish(table: StagedTable, text: str) -> str:
    items: list[Item] = [(n, "part", f"{text} {n}") for n in range(3)]
    task = table.engine.deliver(table.stage(items))
    assert task["status"] == "success"
    return str(task["run_id"])


def roll_back(api: Api, run_id: str, **rest: Any) -> Any:
    body = {"reason": "prices in the wrong currency"} | rest.pop("body", {})
    return api("POST", f"/api/refresh/runs/{run_id}/rollback", json=body, **rest)


def test_a_run_is_taken_back_and_everybody_sees_it(api: Api, table: StagedTable) -> None:
    first = publish(table, "first")
    second = publish(table, "second")
    response = roll_back(api, second)
    assert response.status_code == 200, response.text
    assert response.get_json() == {
        "run_id": second,
        "tables": [{"table": "public.items", "rows_inserted": 0, "rows_updated": 3, "rows_deleted": 0}],
    }
    assert [text for _, _, text in table.items()] == ["first 0", "first 1", "first 2"]
    (status,) = [one for one in api.get("/api/refresh/status")["tables"] if one["table"] == "public.items"]
    assert status["rolled_back"]["run_id"] == second
    assert status["rolled_back"]["reason"] == "prices in the wrong currency"
    assert status["data_as_of"] == api.get(f"/api/refresh/runs/{first}")["snapshot_at"]
    ended = {one["run_id"]: one["rolled_back_at"] for one in api.get("/api/refresh/history")["items"]}
    assert ended[first] is None
    assert ended[second] == status["rolled_back"]["at"]
    (in_run,) = api.get(f"/api/refresh/runs/{second}")["tables"]
    assert in_run["rolled_back"] == status["rolled_back"]
    (event,) = [one for one in api.plane.bus.of_topic("refresh-events") if "rolled_back" in str(one.payload)]
    assert (event.payload["type"], event.payload["run_id"]) == ("refresh.warning", second)


def test_what_can_be_taken_back_is_listed(api: Api, table: StagedTable) -> None:
    first, second, third = (publish(table, text) for text in ("first", "second", "third"))
    roll_back(api, third)
    listed = api.get("/api/refresh/tables/public.items/publishes")
    assert (listed["rollback_publishes"], listed["pagination"]["total"]) == (7, 3)
    assert [(one["run_id"], one["state"], one["take_back_before"]) for one in listed["items"]] == [
        (third, "rolled_back", []),
        (second, "kept", []),
        (first, "kept", [second]),
    ]
    assert [one["was_empty"] for one in listed["items"]] == [False, False, True]
    assert listed["items"][1]["undo_bytes"] > 0
    assert api("GET", "/api/refresh/tables/public.nothing/publishes").status_code == 404
    assert api("GET", "/api/refresh/tables/nothing/publishes").status_code == 404


def test_the_runs_in_the_way_are_named(api: Api, table: StagedTable) -> None:
    first, second, third = (publish(table, text) for text in ("first", "second", "third"))
    problem = roll_back(api, first)
    assert problem.status_code == 409
    assert problem.get_json()["type"] == "urn:refresh:problem:cannot_roll_back"
    assert problem.get_json()["runs"] == [third, second]
    assert second in problem.get_json()["detail"]
    roll_back(api, third)
    again = roll_back(api, third)
    assert (again.status_code, again.get_json().get("runs")) == (409, None)
    assert "taken back already" in again.get_json()["detail"]


def test_what_cannot_be_taken_back_is_said(api: Api, table: StagedTable) -> None:
    run = publish(table, "first")
    assert roll_back(api, str(uuid4())).status_code == 404
    response = roll_back(api, run, body={"tables": ["public.others"]})
    assert (response.status_code, response.get_json()["type"]) == (409, "urn:refresh:problem:nothing_to_do")
    assert roll_back(api, run, body={"reason": " "}).status_code == 422
    assert roll_back(api, run, token=VIEWER).status_code == 403
    assert len(table.items()) == 3


def test_while_a_publish_is_under_way_it_is_to_be_asked_again(api: Api, table: StagedTable) -> None:
    run = publish(table, "first")
    with table.engine.store.transaction() as session:
        session.run("SELECT FROM refresh.refresh_table_registry WHERE table_name = 'items' FOR UPDATE")
        assert roll_back(api, run).status_code == 503
    assert roll_back(api, run).status_code == 200
