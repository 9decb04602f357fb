"""kill -9 of a worker in the middle of a backfill: what was published stays, the rest is loaded once."""

from __future__ import annotations

import pytest

from shared.messaging import outbox
from tests.conftest import BigQueryEnv
from tests.integration.test_backfill import Days
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.worker_process import run_worker

_KILLED = -9


@pytest.mark.parametrize("step", ["plan_committed", "chunk_copied", "publish_recorded", "publish_committed"])
def test_a_killed_part_is_gone_on_with(engine: Engine, bigquery_env: BigQueryEnv, step: str) -> None:
    days = Days(engine)
    engine.sql("INSERT INTO public.orders VALUES (900, '2024-01-01', 1)")
    asked = days.request(0, 9)
    queued = "SELECT run_id FROM refresh.refresh_task WHERE status = 'queued' AND mode = 'live'"
    while not engine.sql(queued):
        days.work(most=1)
    (task,) = engine.sql(queued)
    order = {
        "database_url": engine.database_url,
        "project": bigquery_env.project,
        "rest_url": bigquery_env.rest_url,
        "grpc_address": bigquery_env.grpc_address,
        "dataset": engine.dataset,
        "run_id": str(task["run_id"]),
        "table": "public.orders",
    }
    assert run_worker(order | {"kill_at": step}) == _KILLED
    for table in ("refresh_task", "refresh_checkpoint"):
        engine.sql(f"UPDATE refresh.{table} SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL")
    engine.sql("UPDATE refresh.refresh_task SET owed_at = now() - interval '1 hour' WHERE status = 'running'")
    days.post.sweep()
    outbox.flush(engine.store, days.post)
    days.work()
    assert days.backfill(asked)["status"] == "success"
    assert days.target() == [*days.source(0, 9), (900, engine.sql("SELECT DATE '2024-01-01' AS day")[0]["day"], 1)]
    check_invariants(engine)
