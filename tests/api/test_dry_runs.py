"""Dry runs and plans by HTTP: asked for, found out, read; and nothing else says that a table was refreshed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.domain.ids import RunId, TableName
from shared.domain.messages import TableMessage
from tests.api.conftest import Api
from tests.conftest import BigQueryEnv
from tests.support.engine import Engine, emulated_source
from tests.support.orders import Orders


@pytest.fixture
def engine(api: Api, bigquery_env: BigQueryEnv, bigquery_dataset: str) -> Iterator[Engine]:
    """The worker, on the API's database."""
    source = emulated_source(bigquery_env.project, bigquery_env.rest_url, bigquery_env.grpc_address)
    engine = Engine(api.plane.url, source, bigquery_dataset, bigquery_env.client.query)
    api.plane.source = source  # type: ignore[assignment]
    yield engine
    engine.close()


def work(api: Api, engine: Engine) -> None:
    """Plan what was asked for, do it, and let the orchestrator know."""
    api.plane.deliver_owed()
    for task in engine.sql("SELECT * FROM refresh.refresh_task WHERE status = 'queued'"):
        table = TableName(schema=task["table_schema"], name=task["table_name"])
        engine.deliver(TableMessage(run_id=RunId(task["run_id"]), table=table))
    api.plane.deliver_owed()


def test_a_dry_run_is_asked_for_and_its_report_read(api: Api, engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 3)
    orders.refresh()
    status = api.get("/api/refresh/status")
    metrics = api.get("/api/refresh/metrics")
    orders.change()

    answer = api.trigger("orders", mode="dry_run")
    assert answer.status_code == 202, "what was refreshed a moment ago can be tried at once"
    url = f"{answer.get_json()['url']}/dry-run-report"
    assert api.get(url)["complete"] is False
    work(api, engine)
    report = api.get(url)
    assert (report["complete"], report["status"]) == (True, "success")
    (table,) = report["tables"]
    assert (table["table"], table["mode"], table["status"], table["due"]) == (
        "public.orders",
        "dry_run",
        "success",
        True,
    )
    assert (table["rows_inserted"], table["rows_updated"], table["rows_deleted"]) == (0, 4, 1)
    assert (table["columns"], table["scopes_by_action"]) == ({"amount": 4}, {"changed": 3})
    first = table["scopes"][0]
    assert (first["scope"], first["rows_updated"], first["columns"]) == ("2025-01-01", 2, {"amount": 2})
    assert {row["key"]["id"] for row in first["samples"]["updated"]} == {100, 101}

    (item, _) = api.get("/api/refresh/history")["items"]
    assert (item["mode"], item["rows_updated"]) == ("dry_run", 0)
    again = api.get("/api/refresh/status")
    assert again["tables"] == status["tables"]
    assert again["statistics"]["last_day"] == status["statistics"]["last_day"]
    assert api.get("/api/refresh/metrics")["overall"] == metrics["overall"]
    assert len(api.plane.bus.of_topic("refresh-events")) == 1, "of the live refresh alone"


def test_a_plan_says_what_is_due_and_what_would_be_read(api: Api, engine: Engine) -> None:
    orders = Orders(engine, slice_target_rows=5)
    orders.days(1, 3)
    answer = api("POST", "/api/refresh/plan", json={}, headers={"Idempotency-Key": "plan"})
    assert answer.status_code == 202
    assert (
        api("POST", "/api/refresh/plan", json={}, headers={"Idempotency-Key": "plan"}).get_json() == answer.get_json()
    )
    work(api, engine)
    report = api.get(answer.get_json()["report_url"])
    (table,) = report["tables"]
    assert (table["mode"], table["slices"], table["rows_to_read"], table["rows_read"]) == ("plan", 3, 12, 0)
    assert (table["rows_inserted"], table["bytes_estimated"]) == (None, None), "the emulator does not say"
    assert not orders.target()


def test_a_table_registered_for_dry_runs_is_refreshed_so_and_not_otherwise(api: Api, engine: Engine) -> None:
    orders = Orders(engine, mode="dry_run")
    orders.days(1, 2)
    refused = api.trigger("orders", mode="live")
    assert (refused.status_code, refused.get_json()["type"]) == (409, "urn:refresh:problem:mode_not_allowed")
    assert api.trigger().status_code == 202
    work(api, engine)
    assert not orders.target()
    (table,) = api.get("/api/refresh/status")["tables"]
    assert (table["mode"], table["status"], table["is_stale"], table["data_as_of"]) == (
        "dry_run",
        "success",
        False,
        None,
    )
    assert api.get("/api/refresh/status")["alerts"] == []


def test_a_daily_trigger_makes_a_dry_run_of_it_and_the_mode_stays_as_planned(api: Api, engine: Engine) -> None:
    orders = Orders(engine, mode="dry_run")
    orders.days(1, 2)
    api.plane.daily()
    engine.sql("UPDATE refresh.refresh_table_registry SET mode = 'live'")
    work(api, engine)
    assert not orders.target()
    assert engine.sql("SELECT mode, status FROM refresh.refresh_task") == [{"mode": "dry_run", "status": "success"}]


def test_a_run_without_a_dry_run_has_no_report(api: Api, engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 1)
    run_id = orders.refresh()["run_id"]
    assert api("GET", f"/api/refresh/runs/{run_id}/dry-run-report").status_code == 404


def test_views_are_left_out_and_refused_by_name(api: Api) -> None:
    api.plane.register("a")
    api.plane.run("CREATE MATERIALIZED VIEW public.v AS SELECT id FROM public.a")
    api.plane.run("CREATE UNIQUE INDEX ON public.v (id)")
    api.plane.run("SELECT refresh.register_table('public', 'v', handler => 'summaries')")
    refused = api.trigger("v", mode="dry_run")
    assert (refused.status_code, refused.get_json()["type"]) == (409, "urn:refresh:problem:mode_not_allowed")
    assert api.trigger(mode="dry_run").status_code == 202
    api.plane.deliver_owed()
    assert set(api.plane.tasks()) == {"a"}


def test_a_dry_run_is_in_nobody_s_way(api: Api) -> None:
    api.plane.register("a")
    assert api.trigger("a", mode="dry_run").status_code == 202
    assert api.trigger("a", mode="dry_run").status_code == 409
    assert api.trigger("a").status_code == 202
