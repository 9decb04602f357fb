"""Backfills by the API: asked for, looked at, ended."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import VIEWER, Api

RANGE = {"from": "2025-01-01", "to": "2025-03-31"}


@pytest.fixture
def days(api: Api) -> Api:
    for name in ("days", "more"):
        api.plane.run(f"CREATE TABLE public.{name} (id bigint PRIMARY KEY, day date)")
        api.plane.run(
            "INSERT INTO refresh.refresh_table_registry (table_schema, table_name, handler, source, scope_column)"
            " VALUES ('public', :name, 'generic', 'p.d.t', 'day')",
            name=name,
        )
    return api


def test_a_range_is_asked_for_and_looked_at(days: Api) -> None:
    answer = days.trigger("days", backfill=RANGE | {"visible": "slice"})
    assert answer.status_code == 202, answer.text
    made = answer.get_json()
    found = days.get(f"/api/refresh/backfills/{made['backfills'][0]}")
    assert {name: found[name] for name in ("table", "scope_from", "scope_to", "visible", "status", "run_id")} == {
        "table": "public.days",
        "scope_from": "2025-01-01",
        "scope_to": "2025-03-31",
        "visible": "slice",
        "status": "running",
        "run_id": made["run_id"],
    }
    assert (found["batches_total"], found["rows_total"], found["seconds_left"]) == (0, None, None)
    assert days.get("/api/refresh/backfills?table=public.days")["pagination"]["total"] == 1
    assert days.get("/api/refresh/backfills?table=public.more")["items"] == []
    run = days.get(f"/api/refresh/runs/{made['run_id']}")
    assert run["request"]["backfill"] == {"id": found["backfill_id"], "from": "2025-01-01", "to": "2025-03-31"}


def test_progress_and_time_left(days: Api) -> None:
    made = days.trigger("days", backfill=RANGE | {"visible": "slice"}).get_json()
    days.plane.deliver_owed()
    days.plane.run(
        "UPDATE refresh.refresh_backfill SET planned_at = now() - interval '100 seconds', run_id = :run",
        run=made["run_id"],
    )
    days.plane.run(
        "INSERT INTO refresh.refresh_backfill_batch (backfill_id, batch_no, scope_from, scope_to, scopes, rows, run_id)"
        " SELECT backfill_id, n, scope_from, scope_to, 1, 100, CASE n WHEN 1 THEN run_id END"
        " FROM refresh.refresh_backfill, generate_series(1, 4) n"
    )
    days.plane.finish("days")
    found = days.get(f"/api/refresh/backfills/{made['backfills'][0]}")
    assert (found["batches_total"], found["batches_done"], found["rows_total"], found["rows_loaded"]) == (
        4,
        1,
        400,
        100,
    )
    assert 295 <= found["seconds_left"] <= 360


def test_several_tables_are_asked_for_at_once_and_once(days: Api) -> None:
    first = days.trigger("days", "more", key="k", backfill=RANGE).get_json()
    assert len(set(first["backfills"])) == 2
    assert days.trigger("days", "more", key="k", backfill=RANGE).get_json() == first
    assert days.trigger("days", key="k", backfill=RANGE).status_code == 409
    busy = days.trigger("more", backfill=RANGE)
    assert (busy.status_code, busy.get_json()["type"]) == (409, "urn:refresh:problem:already_running")


def test_one_is_ended(days: Api) -> None:
    made = days.trigger("days", backfill=RANGE).get_json()
    path = f"/api/refresh/backfills/{made['backfills'][0]}"
    days.plane.deliver_owed()
    for _ in range(2):
        assert days("POST", f"{path}/cancel").get_json()["status"] == "cancelled"
    assert days.plane.tasks()["days"] == "skipped cancelled"
    assert days("POST", f"{path}/cancel", token=VIEWER).status_code == 403
    assert days("POST", "/api/refresh/backfills/00000000-0000-0000-0000-000000000000/cancel").status_code == 404


@pytest.mark.parametrize(
    ("tables", "body", "status"),
    [
        ([], {"backfill": RANGE}, 422),
        (["days"], {"backfill": RANGE, "force": True}, 422),
        (["days"], {"backfill": RANGE, "mode": "dry_run"}, 422),
        (["days"], {"backfill": {"from": "2025-03-01", "to": "2025-02-01"}}, 409),
        (["days"], {"backfill": {"from": "2025-03-01"}}, 422),
        (["days"], {"backfill": RANGE | {"visible": "never"}}, 422),
        (["nothing"], {"backfill": RANGE}, 404),
    ],
)
def test_what_cannot_be_filled_is_refused(days: Api, tables: list[str], body: dict[str, Any], status: int) -> None:
    assert days.trigger(*tables, **body).status_code == status


def test_a_table_without_dates_is_not_fillable(days: Api) -> None:
    days.plane.register("plain")
    answer = days.trigger("plain", backfill=RANGE)
    assert (answer.status_code, answer.get_json()["type"]) == (409, "urn:refresh:problem:not_fillable")
