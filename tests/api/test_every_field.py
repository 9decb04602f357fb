"""Every field of the registry can be changed at run time, against a real source and target, and is audited."""

from __future__ import annotations

from typing import Any

import pytest

from functions.api.schemas.configuration import ConfigurationChange
from shared import wiring
from tests.api.conftest import Api
from tests.conftest import BigQueryEnv
from tests.support.engine import emulated_source

NOT_FIELDS = {"table", "config_version", "created_at"}
CHANGES: dict[str, Any] = {
    "key_columns": ["report_date", "order_id"],
    "scope_column": "report_date",
    "scope_bucket": "month",
    "lookback": 30,
    "column_map": {"OrderId": "order_id", "amount": None},
    "source": "{dataset}.others",
    "strategy": "append",
    "nul_policies": {"name": "quarantine"},
    "loaded_at_column": "loaded_at",
    "priority": 7,
    "frequency_hours": 48,
    "slice_target_rows": 5000,
    "parallelism": 3,
    "max_bytes_billed": 10**9,
    "max_bytes_billed_per_day": 10**10,
    "checks": {"table_min_ratio": 0.25, "null_share": {"name": {"max": 0.5}}},
    "rollback_publishes": 3,
    "drift_policies": {"added": "ignore"},
    "shadow_clean_days": 5,
    "shadow_tolerances": {"amount": {"absolute": 0.01}},
    "depends_on": {"public.input": "soft"},
    "publish_group": "together",
    "mode": "shadow",
    "handler": "search_queries",
}
"""In an order in which each can be made after the ones before."""


@pytest.fixture
def dataset(api: Api, bigquery_env: BigQueryEnv, bigquery_dataset: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("orders", "others"):
        bigquery_env.client.query(
            f"CREATE TABLE {bigquery_dataset}.{name} (OrderId INT64, report_date DATE, name STRING, amount NUMERIC)"
        ).result()
    source = emulated_source(bigquery_env.project, bigquery_env.rest_url, bigquery_env.grpc_address)
    monkeypatch.setattr(wiring, "source", lambda: source)
    api.plane.register("input")
    api.plane.run(
        "CREATE TABLE public.orders (order_id bigint PRIMARY KEY, report_date date NOT NULL, name text, amount numeric,"
        " loaded_at timestamptz, UNIQUE (report_date, order_id))"
    )
    body = {"table": "public.orders", "source": f"{bigquery_dataset}.orders", "column_map": {"OrderId": "order_id"}}
    made = api("POST", "/api/refresh/config", json=body)
    assert made.status_code == 201, made.text
    return bigquery_dataset


def test_none_is_forgotten_here() -> None:
    assert set(CHANGES) == set(ConfigurationChange.model_fields) - NOT_FIELDS


def test_each_is_changed_kept_and_audited(api: Api, dataset: str) -> None:
    for number, (name, wanted) in enumerate(CHANGES.items(), start=2):
        value = wanted.format(dataset=dataset) if isinstance(wanted, str) else wanted
        changed = api("PUT", "/api/refresh/config/public.orders", json={name: value}, headers={"If-Match": "*"})
        assert changed.status_code == 200, (name, changed.text)
        read = api.get("/api/refresh/config/public.orders")
        kept = {one: read[name][one] for one in value} if name == "drift_policies" else read[name]
        assert (kept, read["config_version"]) == (value, number), name
        (entry, *_) = api.get("/api/refresh/audit?table=public.orders&limit=1")["items"]
        assert entry["by"] == "local:operator", name
        told = {"dependency_added": "depends_on"}.get(entry["event"]) or list(entry["details"]["changed"])
        assert told in (name, [name]), entry
