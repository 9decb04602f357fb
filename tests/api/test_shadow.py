"""Shadows by HTTP: the report, promotion and demotion, each for those who may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.api.conftest import VIEWER, Api
from tests.conftest import BigQueryEnv
from tests.support.engine import Engine, emulated_source
from tests.support.shadows import ShadowedOrders

TABLE = "/api/refresh/tables/public.orders"


@pytest.fixture
def orders(api: Api, bigquery_env: BigQueryEnv, bigquery_dataset: str) -> Iterator[ShadowedOrders]:
    source = emulated_source(bigquery_env.project, bigquery_env.rest_url, bigquery_env.grpc_address)
    engine = Engine(api.plane.url, source, bigquery_dataset, bigquery_env.client.query)
    orders = ShadowedOrders(engine, shadow_clean_days=2, shadow_tolerances='{"amount": {"absolute": 0.01}}')
    orders.days(1, 2)
    orders.legacy()
    yield orders
    engine.close()


def post(api: Api, what: str, body: dict[str, Any], **rest: Any) -> TestResponse:
    return api("POST", f"{TABLE}/{what}", json=body, **rest)


def test_the_report_has_the_days_and_what_is_still_needed(api: Api, orders: ShadowedOrders) -> None:
    empty = api.get(f"{TABLE}/shadow-report")
    assert (empty["shadow"], empty["days"], empty["clean_days"], empty["clean_days_needed"]) == (None, [], 0, 2)
    orders.shadow_run()
    orders.engine.sql("UPDATE public.orders SET customer = 'other' WHERE id = 101")
    orders.next_day()
    report = api.get(f"{TABLE}/shadow-report?days=5")
    assert report["shadow"] == 'refresh_shadow."public.orders"'
    assert report["tolerances"] == {"amount": {"absolute": 0.01}}
    assert [(day["day"], day["clean"], day["counts"]) for day in report["days"]] == [
        ("2025-06-03", False, True),
        ("2025-06-02", True, True),
    ]
    assert report["days"][0]["samples"]["differing"] == [
        {"key": {"id": 101}, "columns": {"customer": {"live": "other", "shadow": "customer 1"}}}
    ]
    assert report["clean_days"] == 0
    assert api("GET", "/api/refresh/tables/public.nowhere/shadow-report").status_code == 404
    assert api("GET", "/api/refresh/tables/nonsense/shadow-report").status_code == 404


def test_promotion_is_refused_with_what_is_missing_and_then_made(api: Api, orders: ShadowedOrders) -> None:
    orders.shadow_run()
    refused = post(api, "promote", {})
    assert (refused.status_code, refused.get_json()["type"]) == (409, "urn:refresh:problem:cannot_promote")
    assert "1 of 2 clean days" in refused.get_json()["detail"]
    assert post(api, "promote", {"force": True}).status_code == 422
    assert post(api, "promote", {"force": True, "reason": "  "}).status_code == 422
    assert post(api, "promote", {}, token=VIEWER).status_code == 403
    orders.next_day()
    done = post(api, "promote", {})
    assert done.status_code == 200, done.text
    answer = done.get_json()
    assert (answer["clean_days"], answer["rows_unchanged"]) == (2, 8)
    run = api.get(f"/api/refresh/runs/{answer['run_id']}")
    assert (run["status"], run["requested_by"]) == ("success", "local:operator")
    (table,) = api.get("/api/refresh/status")["tables"]
    assert (table["mode"], table["status"], table["is_stale"]) == ("live", "no_new_data", False)
    assert table["data_as_of"] is not None
    (audited,) = api.get("/api/refresh/audit?event=table_promoted")["items"]
    assert audited["by"] == "local:operator"
    (changed,) = api.get("/api/refresh/audit?event=config_changed")["items"]
    assert changed["by"] == "local:operator"


def test_a_shadow_that_fails_is_a_warning_and_neither_stale_nor_in_the_metrics(
    api: Api, orders: ShadowedOrders
) -> None:
    orders.engine.sql("UPDATE refresh.refresh_table_registry SET created_at = now() - interval '9 days'")
    orders.engine.bigquery("DROP TABLE `{d}.orders`")
    assert orders.shadow_run()["status"] == "failed"
    status = api.get("/api/refresh/status")
    (table,) = status["tables"]
    assert (table["mode"], table["status"], table["is_stale"]) == ("shadow", "failed", False)
    (alert,) = status["alerts"]
    assert (alert["kind"], alert["severity"], status["overall_status"]) == ("failed", "warning", "degraded")
    assert alert["message"].startswith("In mode shadow: The last refresh failed (invalid_registration)")
    assert api.get("/api/refresh/metrics")["overall"]["tasks"] == 0


def test_demotion_needs_a_live_table_and_a_reason(api: Api, orders: ShadowedOrders) -> None:
    assert post(api, "demote", {"reason": "test"}).status_code == 409
    orders.shadow_run()
    assert post(api, "promote", {"force": True, "reason": "test"}).status_code == 200
    assert post(api, "demote", {}).status_code == 422
    done = post(api, "demote", {"reason": "the numbers do not agree"})
    assert (done.status_code, done.get_json()) == (200, {"table": "public.orders", "rows": 8})
    assert api.get(f"{TABLE}/shadow-report")["mode"] == "shadow"
    assert api("POST", "/api/refresh/tables/public.nowhere/demote", json={"reason": "test"}).status_code == 404


def test_it_cannot_be_switched_to_live_by_the_configuration(api: Api, orders: ShadowedOrders) -> None:
    refused = api("PUT", "/api/refresh/config/public.orders", json={"mode": "live"}, headers={"If-Match": "*"})
    assert refused.status_code == 409
    assert "refresh.promote" in refused.get_json()["detail"]
