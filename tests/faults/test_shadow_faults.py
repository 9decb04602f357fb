"""Dry runs, shadow runs and promotions under faults: killed in the middle, read meanwhile, woken up late."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pg8000.native
import pytest

from infra.local.postgres import Postgres
from shared.adapters.database_url import connection_arguments
from shared.ports import Row
from tests.conftest import BigQueryEnv
from tests.support.aftermath import fresh_engine, let_time_pass
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.readers import TwoTables, audience
from tests.support.shadows import ShadowedOrders
from tests.support.waiting import wait_for
from tests.support.worker_process import run_worker

_KILLED = -9
_BARRIER = 4711
_STATE = {
    "live": "SELECT * FROM public.orders ORDER BY 1, 2, 3, 4",
    "registry": "SELECT * FROM refresh.refresh_table_registry",
    "partition state": "SELECT * FROM refresh.refresh_partition_state ORDER BY scope",
    "shadow": "SELECT * FROM refresh.refresh_shadow",
    "shadow state": "SELECT * FROM refresh.refresh_shadow_state ORDER BY scope",
    "reports": "SELECT * FROM refresh.refresh_shadow_report ORDER BY day",
    "runs": "SELECT run_id, status FROM refresh.refresh_run ORDER BY 1",
    "publishes": "SELECT * FROM refresh.refresh_publish",
    "undo": "SELECT tablename FROM pg_tables WHERE schemaname = 'refresh_undo'",
}


@pytest.fixture
def engine(postgres: Postgres, migrated_template: str, bigquery_env: BigQueryEnv) -> Iterator[Engine]:
    with fresh_engine(postgres, migrated_template, bigquery_env) as engine:
        yield engine


def state(engine: Engine) -> dict[str, list[Row]]:
    return {name: engine.sql(sql) for name, sql in _STATE.items()}


def order(engine: Engine, env: BigQueryEnv, message: Any) -> dict[str, Any]:
    return {
        "database_url": engine.database_url,
        "project": env.project,
        "rest_url": env.rest_url,
        "grpc_address": env.grpc_address,
        "dataset": engine.dataset,
        "run_id": str(message.run_id),
        "table": str(message.table),
    }


class Promotion(Thread):
    """A promotion by force, on a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self._url = engine.database_url
        self.failed: str | None = None

    def run(self) -> None:
        try:
            with pg8000.native.Connection(**connection_arguments(self._url)) as connection:
                connection.run("SELECT refresh.promote('public.orders', true, 'test')")
        except (pg8000.exceptions.Error, OSError) as error:
            self.failed = repr(error)


@contextmanager
def stopped_in_the_middle(engine: Engine) -> Iterator[Promotion]:
    """A promotion that has written the rows, and waits; it goes on when the block ends."""
    engine.sql(
        "CREATE FUNCTION public.wait_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" PERFORM pg_advisory_xact_lock_shared({_BARRIER}); RETURN NULL; END $$"
    )
    engine.sql(
        "CREATE TRIGGER wait_here AFTER INSERT ON public.orders FOR EACH STATEMENT EXECUTE FUNCTION public.wait_here()"
    )
    promotion = Promotion(engine)
    with pg8000.native.Connection(**connection_arguments(engine.database_url)) as barrier:
        barrier.run("SET lock_timeout = 0")
        barrier.run(f"SELECT pg_advisory_lock({_BARRIER})")
        engine.sql("ALTER FUNCTION refresh.promote SET lock_timeout = '60s'")
        promotion.start()
        wait_for(lambda: waiting(engine) != [], "the promotion to come to its middle")
        yield promotion
        barrier.run(f"SELECT pg_advisory_unlock({_BARRIER})")
    promotion.join(60)
    assert not promotion.is_alive()


def waiting(engine: Engine) -> list[int]:
    """Server processes that wait at the barrier."""
    rows = engine.sql(
        "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'"
        f" AND l.objid = {_BARRIER} AND NOT l.granted AND a.datname = current_database()"
    )
    return [row["pid"] for row in rows]


def shadowed(engine: Engine) -> ShadowedOrders:
    orders = ShadowedOrders(engine, slice_target_rows=8)
    orders.days(1, 4)
    orders.legacy()
    orders.shadow_run()
    orders.change()
    orders.insert((905, "2025-01-05", "new", "1"))
    return orders


def test_readers_see_the_live_table_before_a_promotion_or_after_it(engine: Engine) -> None:
    orders = shadowed(engine)
    orders.next_day()
    engine.sql("CREATE TABLE public.customers AS SELECT 'customer ' || n AS customer FROM generate_series(0, 3) AS n")
    engine.register("public.customers", "orders", mode="disabled")
    tables = TwoTables(engine, "public.orders", "public.customers", join="customer")
    tables.publish_is_over()
    with audience(tables) as readers:
        readers.has_looked()
        with engine.store.transaction(isolation="repeatable read") as long_read:
            versions = tables.read_versions(long_read)
            with stopped_in_the_middle(engine) as promotion:
                readers.has_looked()
            tables.publish_is_over()
            assert tables.read_content(long_read) == tables.published[versions]
        readers.has_looked()
    assert promotion.failed is None
    assert readers.torn() == set()
    assert readers.versions() == set(tables.published)
    assert len(tables.published) == 2
    assert orders.target() == orders.source()
    check_invariants(engine)


def test_a_promotion_that_is_killed_in_the_middle_has_done_nothing(engine: Engine) -> None:
    orders = shadowed(engine)
    orders.next_day()
    before = state(engine)
    with stopped_in_the_middle(engine) as promotion:
        (pid,) = waiting(engine)
        engine.sql("SELECT pg_terminate_backend(:pid)", pid=pid)
        wait_for(lambda: not promotion.is_alive(), "the promotion to end")
    assert promotion.failed is not None
    assert state(engine) == before
    engine.sql("DROP TRIGGER wait_here ON public.orders")
    engine.sql("SELECT refresh.promote('public.orders', true, 'again')")
    assert orders.target() == orders.source()
    check_invariants(engine)


@pytest.mark.parametrize(
    "step", ["shadow_made", "plan_written", "chunk_copied", "publish_merged", "shadow_compared", "publish_recorded"]
)
def test_a_killed_shadow_run_is_taken_to_its_end(engine: Engine, bigquery_env: BigQueryEnv, step: str) -> None:
    orders = shadowed(engine)
    before = state(engine)
    message = engine.task("public.orders", mode="shadow")
    assert run_worker(order(engine, bigquery_env, message) | {"kill_at": step}) == _KILLED
    after = state(engine)
    assert {name: after[name] for name in after if name != "runs"} == {
        name: before[name] for name in before if name != "runs"
    }
    let_time_pass(engine)
    task = engine.deliver(message)
    assert (task["status"], task["error"]) == ("success", None)
    assert orders.shadow() == orders.source()
    assert engine.sql(_STATE["live"]) == before["live"]
    check_invariants(engine)


@pytest.mark.parametrize("step", ["chunk_copied", "dry_run_settled", "dry_run_compared", "dry_run_recorded"])
def test_a_killed_dry_run_is_taken_to_its_end(engine: Engine, bigquery_env: BigQueryEnv, step: str) -> None:
    orders = shadowed(engine)
    before = state(engine)
    message = engine.task("public.orders", mode="dry_run")
    assert run_worker(order(engine, bigquery_env, message) | {"kill_at": step}) == _KILLED
    assert engine.sql("SELECT FROM refresh.refresh_diff") == []
    let_time_pass(engine)
    task = engine.deliver(message)
    assert (task["status"], task["error"]) == ("success", None)
    found = task["details"]["would_be"]
    assert (found["inserted"], found["updated"], found["deleted"]) == (1, 4, 1)
    assert state(engine)["live"] == before["live"]
    assert sum(orders.target().values()) == 16
    check_invariants(engine)
