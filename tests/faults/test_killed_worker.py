"""kill -9 of a worker at every named step, on its first and on its second attempt."""

from __future__ import annotations

import pytest

from shared.domain.messages import TableMessage
from tests.conftest import BigQueryEnv
from tests.support.decisions import asks_to_release
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.orders import Orders
from tests.support.worker_process import run_worker

STEPS = [
    "planning_claimed",
    "plan_queried",
    "plan_written",
    "plan_committed",
    "slice_claimed",
    "slice_queried",
    "session_opened",
    "chunk_copied",
    "chunk_committed",
    "slice_reconciled",
    "slice_committed",
    "publishing_claimed",
    "publish_fenced",
    "publish_locked",
    "publish_merged",
    "publish_recorded",
    "publish_committed",
]
PASSED_ONCE = {"plan_committed", "publish_committed"}
"""Steps that a second worker does not come to any more: it goes on behind them."""
_KILLED = -9


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_worker_loses_nothing(engine: Engine, bigquery_env: BigQueryEnv, step: str) -> None:
    orders = Orders(engine, slice_target_rows=8)
    orders.days(1, 4)
    orders.refresh()
    engine.bigquery("UPDATE `{d}.orders` SET amount = 99 WHERE day > DATE '2025-01-01' AND id < 400")
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 401")
    message = engine.task("public.orders")
    published = orders.target()
    order = _order(engine, bigquery_env, message)

    assert run_worker(order | {"kill_at": step}) == _KILLED
    _let_leases_end(engine)
    second = run_worker(order | {"kill_at": step})
    assert second == (0 if step in PASSED_ONCE else _KILLED)
    if step not in PASSED_ONCE:
        assert orders.target() == published
    _let_leases_end(engine)
    engine.deliver(message)

    assert engine.state(message)["status"] == "success"
    assert orders.target() == orders.source()
    check_invariants(engine)


@pytest.mark.parametrize("step", ["fill_tried", "fill_queried", "fill_copied", "publish_merged", "publish_recorded"])
def test_a_worker_killed_while_it_fills_an_empty_table_leaves_it_empty(
    engine: Engine, bigquery_env: BigQueryEnv, step: str
) -> None:
    orders = Orders(engine, amount="numeric(12,2)", slice_target_rows=8)
    orders.days(1, 4)
    message = engine.task("public.orders")
    order = _order(engine, bigquery_env, message)

    assert run_worker(order | {"kill_at": step}) == _KILLED
    assert not orders.target()
    _let_leases_end(engine)
    assert run_worker(order | {"kill_at": "chunk_committed"}) == _KILLED
    _let_leases_end(engine)
    engine.deliver(message)

    assert engine.state(message)["status"] == "success"
    assert orders.target() == orders.source()
    check_invariants(engine)


@pytest.mark.parametrize("step", ["staging_adopted", "release_committed", "staged_checked", "publish_merged"])
def test_a_release_that_is_killed_publishes_what_was_held_once(
    engine: Engine, bigquery_env: BigQueryEnv, step: str
) -> None:
    orders = Orders(engine, checks='{"custom_sql": {"few": {"sql": "SELECT id FROM staged WHERE id > 400"}}}')
    orders.days(1, 3)
    orders.refresh()
    published = orders.target()
    orders.days(4, 4)
    held = orders.refresh()
    assert held["reason"] == "checks_held"
    expected = orders.source()
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 401")
    message = asks_to_release(engine, "public.orders")
    order = _order(engine, bigquery_env, message)

    assert run_worker(order | {"kill_at": step}) == _KILLED
    assert orders.target() == published
    _let_leases_end(engine)
    second = run_worker(order | {"kill_at": step})
    assert second == (0 if step == "release_committed" else _KILLED)
    _let_leases_end(engine)
    engine.deliver(message)

    assert engine.state(message)["status"] == "success"
    assert orders.target() == expected
    assert engine.staging_tables() == []
    check_invariants(engine)


def _order(engine: Engine, env: BigQueryEnv, message: TableMessage) -> dict[str, str]:
    return {
        "database_url": engine.database_url,
        "project": env.project,
        "rest_url": env.rest_url,
        "grpc_address": env.grpc_address,
        "dataset": engine.dataset,
        "run_id": str(message.run_id),
        "table": str(message.table),
    }


def _let_leases_end(engine: Engine) -> None:
    """What the passing of time does to the leases of a dead worker."""
    for table in ("refresh_task", "refresh_checkpoint"):
        engine.sql(f"UPDATE refresh.{table} SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL")
