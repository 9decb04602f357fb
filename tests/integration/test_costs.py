"""What may be billed is asked before it is: per query, per table and day, for all and day; and what was is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import pytest

from shared.domain.errors import Held
from shared.ports import JobResult, QueryJob, Row, Source
from tests.support.engine import Engine
from tests.support.invariants import check_invariants

MB = 1024 * 1024


class Priced:
    """The emulator with figures: each job is estimated at, and bills, what the test says."""

    def __init__(self, source: Source, *, estimate: int | None = 20 * MB, bills: int = 20 * MB) -> None:
        self._source = source
        self.estimates: Callable[[QueryJob], int | None] = lambda job: estimate
        self.bills = bills
        self.started: list[QueryJob] = []

    def estimate(self, job: QueryJob) -> int | None:
        return self.estimates(job)

    def run(self, job: QueryJob, *, timeout: float) -> JobResult:
        self.started.append(job)
        result = self._source.run(replace(job, max_bytes_billed=None), timeout=timeout)
        if job.max_bytes_billed is not None and self.bills > job.max_bytes_billed:
            raise Held(f"bytesBilledLimitExceeded: {self.bills}", reason="cost_cap", details={"job_id": job.job_id})
        return replace(result, bytes_billed=self.bills)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


@pytest.fixture
def orders(engine: Engine) -> Engine:
    engine.bigquery("CREATE TABLE `{d}.orders` (id INT64, day DATE)")
    engine.bigquery("INSERT INTO `{d}.orders` VALUES (1, '2025-01-01'), (2, '2025-01-02'), (3, '2025-01-03')")
    engine.sql("CREATE TABLE public.orders (id bigint PRIMARY KEY, day date, loaded timestamptz)")
    engine.register("public.orders", "orders", scope_column="day", slice_target_rows=1, loaded_at_column="loaded")
    return engine


def priced(engine: Engine, **figures: Any) -> Priced:
    source = Priced(engine.source, **figures)
    engine.source = source
    return source


def cap(engine: Engine, **caps: int | None) -> None:
    for name, number in caps.items():
        engine.sql(f"UPDATE refresh.refresh_table_registry SET {name} = :number", number=number)


def jobs(engine: Engine) -> list[Row]:
    return engine.sql(
        "SELECT step, bytes_reserved / 1048576 AS reserved, bytes_billed / 1048576 AS billed"
        " FROM refresh.refresh_job_cost ORDER BY started_at, job_id"
    )


def over(task: Row, kind: str) -> dict[str, Any]:
    assert (task["status"], task["reason"]) == ("held", "cost_cap"), task["error"]
    details: dict[str, Any] = task["details"]
    assert details["cap"] == kind
    return details


def test_every_job_is_kept_with_what_it_billed_and_its_price(orders: Engine) -> None:
    source = priced(orders)
    task = orders.refresh("public.orders")
    assert (task["status"], task["bytes_billed"]) == ("success", 80 * MB)
    assert jobs(orders) == [{"step": "plan", "reserved": 0, "billed": 20}] + 3 * [
        {"step": "slice", "reserved": 0, "billed": 20}
    ]
    assert {frozenset(job.labels) for job in source.started} == {
        frozenset({"refresh_run", "refresh_table", "refresh_step"})
    }
    (audit,) = orders.sql("SELECT details, bytes_billed FROM refresh.refresh_audit_log WHERE event = 'task_success'")
    assert audit["bytes_billed"] == 80 * MB
    assert audit["details"]["usd"] == pytest.approx(80 * MB / 2**40 * 6.25, rel=1e-3)


def test_a_query_over_its_cap_is_not_started(orders: Engine) -> None:
    source = priced(orders)
    cap(orders, max_bytes_billed=19 * MB)
    details = over(orders.refresh("public.orders"), "query")
    assert details["bytes_estimated"] == 20 * MB
    assert source.started == []
    check_invariants(orders)


def test_a_plan_over_the_day_is_not_started(orders: Engine) -> None:
    source = priced(orders)
    cap(orders, max_bytes_billed_per_day=19 * MB)
    assert over(orders.refresh("public.orders"), "table")["bytes_allowed"] == 19 * MB
    assert source.started == []


def test_slices_are_reserved_together_and_none_is_started_where_not_all_may_be(orders: Engine) -> None:
    source = priced(orders)
    cap(orders, max_bytes_billed_per_day=79 * MB)
    details = over(orders.refresh("public.orders"), "table")
    assert (details["bytes_estimated"], details["bytes_spent"]) == (60 * MB, 20 * MB)
    assert [job.labels["refresh_step"] for job in source.started] == ["plan"]
    cap(orders, max_bytes_billed_per_day=100 * MB)
    assert orders.refresh("public.orders")["status"] == "success"
    assert sum(row["billed"] for row in jobs(orders)) == 100
    check_invariants(orders)


def test_the_cap_of_all_tables_counts_all_tables(orders: Engine) -> None:
    priced(orders)
    orders.limits = replace(orders.limits, max_bytes_billed_per_day=100 * MB)
    assert orders.refresh("public.orders")["status"] == "success"
    orders.sql("CREATE TABLE public.others (id bigint PRIMARY KEY, day date)")
    orders.register("public.others", "orders")
    assert over(orders.refresh("public.others"), "all")["bytes_spent"] == 100 * MB
    orders.sql("UPDATE refresh.refresh_job_cost SET started_at = started_at - interval '1 day'")
    assert orders.refresh("public.others")["status"] == "success"


def test_what_an_ended_task_has_reserved_and_not_billed_is_free_again(orders: Engine) -> None:
    source = priced(orders)
    cap(orders, max_bytes_billed_per_day=100 * MB)
    source.estimates = lambda job: 20 * MB
    message = orders.task("public.orders")
    orders.steps.actions["plan_committed"] = lambda: orders.sql(
        "UPDATE refresh.refresh_task SET status = 'failed', reason = 'test', slices_open = 0 WHERE status = 'running'"
    )
    orders.deliver(message)
    orders.steps.actions.clear()
    assert [row["billed"] for row in jobs(orders)] == [20, None, None, None]
    assert orders.refresh("public.orders")["status"] == "success"


def test_where_bigquery_gives_no_estimate_the_last_figure_stands(orders: Engine) -> None:
    source = priced(orders, estimate=None, bills=30 * MB)
    assert orders.refresh("public.orders")["status"] == "success"
    cap(orders, max_bytes_billed_per_day=149 * MB)
    details = over(orders.refresh("public.orders", force=True), "table")
    assert (details["bytes_estimated"], details["bytes_spent"]) == (30 * MB, 120 * MB)
    assert len(source.started) == 4


def test_bigquery_itself_keeps_what_is_left_of_the_day(orders: Engine) -> None:
    """An estimate was far too low: BigQuery is given the rest of the day as a cap, and refuses."""
    source = priced(orders, estimate=10 * MB, bills=300 * MB)
    cap(orders, max_bytes_billed_per_day=200 * MB)
    task = orders.refresh("public.orders")
    assert (task["status"], task["reason"]) == ("held", "cost_cap")
    assert [job.max_bytes_billed for job in source.started] == [200 * MB]
    assert jobs(orders) == [{"step": "plan", "reserved": 10, "billed": 0}]


def test_two_runs_at_once_do_not_both_spend_the_rest(orders: Engine) -> None:
    priced(orders)
    cap(orders, max_bytes_billed_per_day=30 * MB)
    together = Barrier(2)
    tasks = [orders.task("public.orders") for _ in range(2)]
    engines = [orders.another() for _ in tasks]
    for engine in engines:
        engine.source = Priced(engine.source)
        engine.steps.actions["planning_claimed"] = together.wait
    threads = [Thread(target=engine.deliver, args=(task,)) for engine, task in zip(engines, tasks, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row["billed"] for row in jobs(orders)] == [20]
    assert [over(orders.state(task), "table")["bytes_allowed"] for task in tasks] == [30 * MB, 30 * MB]


def test_a_job_that_is_met_again_is_neither_reserved_nor_billed_twice(orders: Engine) -> None:
    priced(orders)
    cap(orders, max_bytes_billed_per_day=80 * MB)
    message = orders.task("public.orders")
    orders.steps.actions["plan_queried"] = _Once(RuntimeError("as the test wants it"))
    assert orders.deliver(message)["status"] == "queued"
    orders.sql("UPDATE refresh.refresh_task SET not_before = now()")
    assert orders.deliver(message)["status"] == "success"
    assert sum(row["billed"] for row in jobs(orders)) == 80


class _Once:
    def __init__(self, error: Exception) -> None:
        self._errors = [error]

    def __call__(self) -> None:
        if self._errors:
            raise self._errors.pop()
