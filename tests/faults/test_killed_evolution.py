"""A publish that changes its target: killed in the middle, and beside readers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import BigQueryEnv
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.worker_process import run_worker

_KILLED = -9


@pytest.fixture
def drifted(engine: Engine) -> Engine:
    """A published table whose source has a new column and a wider one since, and another row."""
    engine.bigquery("CREATE TABLE `{d}.orders` (id INT64, amount INT64)")
    engine.bigquery("INSERT INTO `{d}.orders` VALUES (1, 10), (2, 20)")
    engine.sql("CREATE TABLE public.orders (id bigint PRIMARY KEY, amount bigint)")
    engine.register("public.orders", "orders", drift_policies=json.dumps({"added": "evolve"}))
    assert engine.refresh("public.orders")["status"] == "success"
    engine.bigquery("ALTER TABLE `{d}.orders` ADD COLUMN extra STRING")
    engine.bigquery("INSERT INTO `{d}.orders` (id, amount, extra) VALUES (3, 30, 'new')")
    return engine


@pytest.mark.parametrize("step", ["publish_locked", "publish_merged", "publish_recorded"])
def test_a_killed_publish_leaves_the_table_as_it_was(drifted: Engine, bigquery_env: BigQueryEnv, step: str) -> None:
    before = content(drifted)
    message = drifted.task("public.orders")
    order = {
        "database_url": drifted.database_url,
        "project": bigquery_env.project,
        "rest_url": bigquery_env.rest_url,
        "grpc_address": bigquery_env.grpc_address,
        "dataset": drifted.dataset,
        "run_id": str(message.run_id),
        "table": "public.orders",
    }
    assert run_worker(order | {"kill_at": step}) == _KILLED
    assert content(drifted) == before
    drifted.sql("UPDATE refresh.refresh_task SET lease_until = now() - interval '1 s' WHERE status = 'running'")
    assert drifted.deliver(message)["status"] == "success"
    assert content(drifted)[2] == {"id": 3, "amount": 30, "extra": "new"}
    check_invariants(drifted)


def test_nobody_queues_behind_a_publish_that_waits_for_a_reader(drifted: Engine) -> None:
    drifted.limits = replace(drifted.limits, lock_timeout=0.2)
    reader = drifted.another().store.transaction(isolation="repeatable read")
    session = reader.__enter__()
    before = session.run("SELECT * FROM public.orders ORDER BY id")
    waited: list[int] = []

    def others_read_on() -> None:
        with drifted.another().store.transaction(lock_timeout=0.1) as other:
            assert other.run("SELECT * FROM public.orders ORDER BY id") == before
        assert session.run("SELECT * FROM public.orders ORDER BY id") == before
        waited.append(1)
        if len(waited) == 2:
            reader.__exit__(None, None, None)

    drifted.steps.actions["publish_waits"] = others_read_on
    assert drifted.refresh("public.orders")["status"] == "success"
    assert len(waited) == 2
    assert len(content(drifted)) == 3


def test_a_snapshot_from_before_shows_the_rows_of_before(drifted: Engine) -> None:
    with drifted.another().store.transaction(isolation="repeatable read") as reader:
        reader.run("SELECT 1 FROM refresh.refresh_run LIMIT 1")
        assert drifted.refresh("public.orders")["status"] == "success"
        seen = reader.run("SELECT * FROM public.orders ORDER BY id")
    assert seen == [{"id": 1, "amount": 10, "extra": None}, {"id": 2, "amount": 20, "extra": None}]
    assert len(content(drifted)) == 3


def test_a_large_publish_changes_its_target_before(drifted: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.refresh.publish.EVOLVED_ROWS", 2)
    seen: list[Any] = []
    drifted.steps.actions["evolved_ahead"] = lambda: seen.append(content(drifted))
    assert drifted.refresh("public.orders")["status"] == "success"
    assert seen == [[{"id": 1, "amount": 10, "extra": None}, {"id": 2, "amount": 20, "extra": None}]]
    assert len(content(drifted)) == 3
    assert [row["event"] for row in drifted.sql("SELECT event FROM refresh.refresh_audit_log WHERE event ~ 'evolved'")]


def content(engine: Engine) -> list[dict[str, Any]]:
    return engine.sql("SELECT * FROM public.orders ORDER BY id")
