"""Connections that die: in the middle of COPY, of the merge, of planning, and between a COMMIT and its reply."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.local.postgres import DATABASE, Postgres
from infra.migrations.run import migrate
from shared.domain.messages import TableMessage
from tests.conftest import BigQueryEnv
from tests.support.aftermath import bring_to_end, deliver_once, fresh_engine
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.orders import Orders
from tests.support.proxy import Fault, Proxy

COMMITS = {
    "plan": "plan_written",
    "read session": "slice_queried",
    "chunk": "chunk_copied",
    "slice": "slice_reconciled",
    "publish": "publish_recorded",
}
"""What is committed, and the last step before its COMMIT."""
STATEMENTS = {
    "claim of the task": b"SET status = 'running', phase = ",
    "planned scopes": b"INSERT INTO refresh.refresh_task_scope",
    "slices": b"INSERT INTO refresh.refresh_checkpoint",
    "claim of a slice": b"FOR UPDATE OF c SKIP LOCKED",
    "checkpoint": b"SET stream_offsets = ",
    "end of a slice": b"SET status = 'done'",
    "pairs of the merge": b"refresh_pairs",
    "inserts of the merge": b'INSERT INTO "public"."orders"',
    "end of the task": b"rows_superseded = rows_superseded + ",
}
"""A statement of each part of the path, told by some of its text."""


@pytest.fixture(scope="module")
def direct(postgres: Postgres, migrated_template: str, bigquery_env: BigQueryEnv) -> Iterator[Engine]:
    """An engine whose connections nobody cuts; its table has been published once."""
    with fresh_engine(postgres, migrated_template, bigquery_env) as engine:
        yield engine


@pytest.fixture(scope="module")
def orders(direct: Engine) -> Orders:
    orders = Orders(direct, slice_target_rows=8)
    orders.days(1, 4)
    assert orders.refresh()["status"] == "success"
    return orders


@pytest.fixture(scope="module")
def proxy(direct: Engine) -> Iterator[Proxy]:
    address = urlsplit(direct.database_url)
    with Proxy(lambda: (str(address.hostname), int(address.port or 0))) as proxy:
        yield proxy


@pytest.fixture
def worker(direct: Engine, proxy: Proxy) -> Iterator[Engine]:
    """An engine on the same database whose connections go through the proxy."""
    address = urlsplit(direct.database_url)
    url = address._replace(netloc=f"{address.username}:{address.password}@127.0.0.1:{proxy.port}").geturl()
    engine = direct.by_way_of(url)
    yield engine
    proxy.disarm()
    engine.close()


@pytest.mark.parametrize("lost", ["reply", "request"])
@pytest.mark.parametrize("commit", COMMITS)
def test_a_commit_without_a_reply_is_looked_up(
    orders: Orders, worker: Engine, proxy: Proxy, commit: str, lost: str
) -> None:
    engine = orders.engine
    orders.change()
    message = engine.task("public.orders")
    fault = Fault(pattern=b"COMMIT\0", after=None if lost == "request" else 0, reply=lost == "reply")
    worker.steps.actions[COMMITS[commit]] = lambda: proxy.arm(fault) if not proxy.struck else None
    proxy.struck = False

    assert deliver_once(worker, message)
    assert proxy.struck
    if lost == "reply":
        assert engine.state(message)["status"] == "success", "what was committed is gone on from, at once"
    task = bring_to_end(worker, message, watcher=engine)

    assert (task["status"], task["reason"]) == ("success", None)
    assert engine.audit(message.run_id).count("task_success") == 1
    assert orders.target() == orders.source()
    check_invariants(engine)


@pytest.mark.parametrize("part", STATEMENTS)
def test_a_connection_that_dies_in_a_transaction_undoes_it(
    orders: Orders, worker: Engine, proxy: Proxy, part: str
) -> None:
    engine = orders.engine
    orders.change()
    message = engine.task("public.orders")
    proxy.arm(Fault(pattern=STATEMENTS[part], reply=True))

    deliver_once(worker, message)
    assert proxy.struck
    task = bring_to_end(worker, message, watcher=engine)

    assert (task["status"], task["reason"]) == ("success", None)
    assert orders.target() == orders.source()
    check_invariants(engine)


@pytest.mark.parametrize("bytes_sent", [0, 10_000, 400_000])
def test_a_copy_that_is_cut_leaves_nothing(orders: Orders, worker: Engine, proxy: Proxy, bytes_sent: int) -> None:
    engine = orders.engine
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id > 1000")
    engine.bigquery(
        "INSERT INTO `{d}.orders` SELECT n, DATE '2025-02-01', CONCAT('customer ', n), 1.5"
        " FROM UNNEST(GENERATE_ARRAY(1001, 21000)) AS n"
    )
    message = engine.task("public.orders", force=True)
    proxy.arm(Fault(pattern=b"COPY refresh_staging", nth=3, after=bytes_sent))

    assert deliver_once(worker, message)
    assert proxy.struck
    (cut,) = engine.sql(
        "SELECT rows_staged FROM refresh.refresh_checkpoint WHERE run_id = :run AND rows_expected > 100",
        run=message.run_id,
    )
    assert cut["rows_staged"] == 0
    task = bring_to_end(worker, message, watcher=engine)

    assert (task["status"], task["rows_read"]) == ("success", orders.source().total())
    assert orders.target() == orders.source()
    check_invariants(engine)


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory, bigquery_env: BigQueryEnv) -> Iterator[tuple[Postgres, Orders]]:
    """A server that is there to be stopped, and a published table on it."""
    folder = tmp_path_factory.mktemp("mortal")
    chosen = os.environ.get("REFRESH_TEST_PG_BIN")
    server = Postgres(folder / "postgres", log=folder / "postgres.log", bin_dir=Path(chosen) if chosen else None)
    with server:
        migrate(server.url)
        with fresh_engine(server, DATABASE, bigquery_env) as engine:
            orders = Orders(engine, slice_target_rows=4)
            orders.days(1, 4)
            assert orders.refresh()["status"] == "success"
            yield server, orders
    server.remove()


@pytest.mark.parametrize("step", ["publishing_claimed", "publish_merged", "chunk_copied", "slice_committed"])
def test_a_server_restart_that_empties_staging_is_noticed(mortal: tuple[Postgres, Orders], step: str) -> None:
    server, orders = mortal
    engine = orders.engine
    orders.change()
    message = engine.task("public.orders", force=True)
    engine.steps.actions = {step: once(lambda: server.restart("immediate"))}

    deliver_once(engine, message)
    jobs = slice_jobs(engine, message)
    task = bring_to_end(engine, message)

    assert (task["status"], task["reason"], task["rows_read"]) == ("success", None, orders.source().total())
    assert orders.target() == orders.source()
    again = slice_jobs(engine, message)
    assert {number: again[number] for number in jobs} == jobs, "slices are staged again from the same job"
    check_invariants(engine)


def slice_jobs(engine: Engine, message: TableMessage) -> dict[int, str]:
    """The jobs of the task's slices that have one."""
    rows = engine.sql(
        "SELECT slice_no, job_id FROM refresh.refresh_checkpoint WHERE run_id = :run AND job_id IS NOT NULL",
        run=message.run_id,
    )
    return {row["slice_no"]: row["job_id"] for row in rows}


def once(action: Callable[[], None]) -> Callable[[], None]:
    """The action, the first time only."""
    left = [action]
    return lambda: left.pop()() if left else None


def test_connections_that_died_while_idle_are_replaced(worker: Engine, proxy: Proxy) -> None:
    with worker.store.transaction(), worker.store.transaction():
        pass
    proxy.cut()
    assert worker.sql("SELECT 1 AS one") == [{"one": 1}]
