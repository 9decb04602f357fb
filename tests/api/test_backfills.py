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
    assert 0.8 <= found["rows_per_second"] <= 1.1


def test_it_costs_what_its_runs_billed_together(days: Api) -> None:
    first = days.trigger("days", backfill=RANGE | {"visible": "slice"}).get_json()
    days.plane.deliver_owed()
    days.plane.run(
        "SELECT refresh.insert_backfill_run(backfill_id, 'public.days', scope_from, scope_to, 'x', false)"
        " FROM refresh.refresh_backfill"
    )
    days.plane.deliver_owed()
    days.plane.run(
        "INSERT INTO refresh.refresh_job_cost (job_id, run_id, table_schema, table_name, step, bytes_billed, usd,"
        " settled_at) SELECT run_id, run_id, table_schema, table_name, 'plan', 1073741824, 0.5, now()"
        " FROM refresh.refresh_task"
    )
    found = days.get(f"/api/refresh/backfills/{first['backfills'][0]}")
    assert (found["runs"], found["bytes_billed"], found["usd"]) == (2, 2 * 2**30, 1.0)


def preview(days: Api, table: str = "days", **range_: Any) -> Any:
    body = {"table": f"public.{table}"} | RANGE | range_
    return days("POST", "/api/refresh/backfills/preview", json=body)


def test_a_preview_tells_what_is_published_and_begins_nothing(days: Api) -> None:
    days.trigger("more")
    days.plane.deliver_owed()
    days.plane.run("UPDATE refresh.refresh_table_registry SET scope_bucket = 'month' WHERE table_name = 'days'")
    days.plane.run(
        "INSERT INTO refresh.refresh_partition_state (table_schema, table_name, scope, fingerprint, definition_hash,"
        " snapshot_at, rows, run_id) SELECT 'public', 'days', month, 'f', 'h', now(), 1000000, run_id"
        " FROM refresh.refresh_run, unnest('{2024-12-01,2025-01-01,2025-02-01,2025-04-01}'::text[]) AS month"
    )
    found = preview(days, **{"from": "2025-01-15", "to": "2025-02-02"})
    assert found.status_code == 200, found.text
    assert found.get_json() == {
        "table": "public.days",
        "scope_from": "2025-01-01",
        "scope_to": "2025-02-28",
        "days": 59,
        "visible": "end",
        "scopes_published": 2,
        "rows_published": 2_000_000,
        "parts": 8,
        "seconds_estimated": None,
        "bytes_estimated": None,
        "usd_estimated": None,
    }
    assert days.get("/api/refresh/backfills")["items"] == []
    assert days.get("/api/refresh/audit?event=backfill_requested")["items"] == []


def test_a_preview_goes_by_what_the_last_slices_took(days: Api) -> None:
    days.trigger("days")
    days.plane.deliver_owed()
    days.plane.claim("days")
    started = "now() - interval '10 seconds'"
    counts = dict.fromkeys(
        ("rows_received", "rows_expected", "rows_read", "source_rows_expected", "rows_staged"), "1000"
    )
    days.plane.slice("days", 1, "done", **counts, bytes_billed="10000", started_at=started, finished_at="now()")
    days.plane.run(
        "INSERT INTO refresh.refresh_partition_state (table_schema, table_name, scope, fingerprint, definition_hash,"
        " snapshot_at, rows, run_id) SELECT 'public', 'days', '2025-02-03', 'f', 'h', now(), 5000, run_id"
        " FROM refresh.refresh_run"
    )
    found = preview(days).get_json()
    lanes = days.get("/api/refresh/config/public.days")["parallelism"]
    assert (found["scopes_published"], found["bytes_estimated"]) == (1, 50_000)
    assert found["seconds_estimated"] == pytest.approx(50 / lanes, abs=1)
    assert found["usd_estimated"] == pytest.approx(50_000 / 2**40 * 6.25, abs=1e-6)


def test_a_preview_is_refused_as_the_request_would_be(days: Api) -> None:
    days.plane.register("plain")
    assert preview(days, "plain").get_json()["type"] == "urn:refresh:problem:not_fillable"
    assert preview(days, "nothing").status_code == 404
    assert preview(days, **{"from": "2025-04-01"}).get_json()["type"] == "urn:refresh:problem:empty_range"
    days.trigger("days", backfill=RANGE)
    assert preview(days).get_json()["type"] == "urn:refresh:problem:already_running"
    body = {"table": "public.more"} | RANGE
    assert days("POST", "/api/refresh/backfills/preview", json=body, token=VIEWER).status_code == 403


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
