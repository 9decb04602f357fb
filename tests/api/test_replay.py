"""Doing again what did not end well, at the old snapshot where that still makes sense."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from shared.domain.errors import RetryLater, SnapshotLost
from tests.api.conftest import Api
from tests.support.control_plane import SNAPSHOT


@pytest.fixture
def run_id(api: Api, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run in which a succeeded, b failed, c was held and d, which depends on b, was skipped."""
    monkeypatch.setattr(api.plane.source, "run", lambda job, *, timeout: None, raising=False)
    api.plane.register("a", "b", "c", "d")
    api.plane.depend("d", "b")
    run_id: str = api.trigger("a", "b", "c", "d").get_json()["run_id"]
    api.plane.deliver_owed()
    for name, status in (("a", "success"), ("b", "failed"), ("c", "held")):
        api.plane.finish(name, status)
    api.plane.deliver_owed()
    return run_id


def replay(api: Api, run_id: str, **rest: Any) -> Any:
    return api("POST", f"/api/refresh/runs/{run_id}/replay", **rest)


def test_only_what_did_not_end_well_is_done_again_at_the_old_snapshot(api: Api, run_id: str) -> None:
    response = replay(api, run_id)
    assert response.status_code == 202
    answer = response.get_json()
    assert answer["tables"] == ["public.b", "public.c", "public.d"]
    assert (answer["snapshot"], answer["replay_of"]) == ("original", run_id)
    asked = api.plane.source.asked
    api.plane.deliver_owed()
    run = api.get(answer["url"])
    assert (run["trigger"], run["replay_of"]) == ("replay", run_id)
    assert run["snapshot_at"] == SNAPSHOT.isoformat().replace("+00:00", "Z")
    assert api.plane.source.asked == asked
    assert [one["table"] for one in run["tables"]] == ["public.b", "public.c", "public.d"]
    assert api.get(f"/api/refresh/runs/{run_id}")["replayed_by"] == [answer["run_id"]]


def test_a_snapshot_that_can_no_longer_be_read_is_taken_anew(
    api: Api, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(job: Any, *, timeout: float) -> None:
        raise SnapshotLost("time travel has passed it")

    monkeypatch.setattr(api.plane.source, "run", gone, raising=False)
    answer = replay(api, run_id).get_json()
    assert (answer["snapshot"], answer["snapshot_at"]) == ("new", None)
    assert "no longer be read" in answer["why"]
    asked = api.plane.source.asked
    api.plane.deliver_owed()
    assert api.plane.source.asked == asked + 1


def test_a_snapshot_that_is_superseded_is_taken_anew(api: Api, run_id: str) -> None:
    api.plane.run("UPDATE refresh.refresh_table_registry SET scanned_snapshot_at = '2025-06-03' WHERE table_name = 'c'")
    answer = replay(api, run_id).get_json()
    assert answer["snapshot"] == "new"
    assert "public.c" in answer["why"]


def test_when_bigquery_is_out_of_reach_nothing_is_made(api: Api, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(job: Any, *, timeout: float) -> None:
        raise RetryLater("out of reach")

    monkeypatch.setattr(api.plane.source, "run", down, raising=False)
    response = replay(api, run_id)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert len(api.plane.run("SELECT FROM refresh.refresh_run")) == 1


def test_the_same_key_gets_the_same_answer(api: Api, run_id: str) -> None:
    first = replay(api, run_id, headers={"Idempotency-Key": "again"})
    second = replay(api, run_id, headers={"Idempotency-Key": "again"})
    assert first.get_json() == second.get_json()
    assert replay(api, run_id).status_code == 409


def test_what_cannot_be_done_again_is_said(api: Api, run_id: str) -> None:
    assert replay(api, str(uuid4())).status_code == 404
    made = replay(api, run_id).get_json()["run_id"]
    response = replay(api, made)
    assert (response.status_code, response.get_json()["type"]) == (409, "urn:refresh:problem:run_open")
    api.plane.deliver_owed()
    for name in "bcd":
        api.plane.finish(name)
    api.plane.deliver_owed()
    response = replay(api, made)
    assert (response.status_code, response.get_json()["type"]) == (409, "urn:refresh:problem:nothing_to_do")


def test_the_query_that_looks_reads_no_column(api: Api, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = []
    monkeypatch.setattr(api.plane.source, "run", lambda job, *, timeout: jobs.append(job), raising=False)
    replay(api, run_id)
    assert [job.sql for job in jobs] == ["(SELECT 1 FROM `p.d.t` FOR SYSTEM_TIME AS OF @snapshot_at LIMIT 1)"]
    assert jobs[0].parameters[0].value == SNAPSHOT
