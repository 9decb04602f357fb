"""A range of scopes loaded behind the daily runs: visible at the end or part by part, resumed, repeated, cancelled."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from shared.domain.errors import StoreRefused
from shared.messaging import outbox
from shared.ports import Row
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.post_office import PostOffice

FIRST = date(2025, 1, 1)


class Days:
    """Ten days of two orders each, of which the daily run looks at none."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.post = PostOffice(engine)
        engine.bigquery("CREATE TABLE `{d}.orders` (id INT64, day DATE, amount INT64)")
        values = ", ".join(f"({2 * n + i}, '{day(n)}', {n})" for n in range(10) for i in range(2))
        engine.bigquery(f"INSERT INTO `{{d}}.orders` VALUES {values}")
        engine.sql("CREATE TABLE public.orders (id bigint PRIMARY KEY, day date, amount bigint)")
        engine.register("public.orders", "orders", scope_column="day", lookback=30, slice_target_rows=4)

    def request(self, first: int, last: int, visible: str = "slice") -> UUID:
        rows = self.engine.sql(
            "SELECT refresh.request_backfill('public.orders', CAST(:first AS date), CAST(:last AS date), :visible)"
            " AS id",
            first=day(first),
            last=day(last),
            visible=visible,
        )
        asked: UUID = rows[0]["id"]
        return asked

    def work(self, *, most: int = 1000) -> None:
        """Deliver what waits, and sweep, until nothing more comes."""
        for _ in range(most):
            outbox.flush(self.engine.store, self.post)
            if not self.post.waiting:
                return
            self.post.deliver(self.post.waiting.pop(0))

    def backfill(self, backfill: UUID) -> Row:
        (row,) = self.engine.sql("SELECT * FROM refresh.refresh_backfill WHERE backfill_id = :id", id=backfill)
        return row

    def batches(self, backfill: UUID) -> list[tuple[int, int, bool]]:
        """First day, last day, and whether it was started."""
        rows = self.engine.sql(
            "SELECT scope_from, scope_to, run_id FROM refresh.refresh_backfill_batch"
            " WHERE backfill_id = :id ORDER BY batch_no",
            id=backfill,
        )
        return [
            ((row["scope_from"] - FIRST).days, (row["scope_to"] - FIRST).days, row["run_id"] is not None)
            for row in rows
        ]

    def target(self) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.engine.sql("SELECT * FROM public.orders ORDER BY id")]

    def source(self, first: int, last: int) -> list[tuple[Any, ...]]:
        text = f"SELECT * FROM `{{d}}.orders` WHERE day BETWEEN '{day(first)}' AND '{day(last)}' ORDER BY id"
        return [tuple(row.values()) for row in self.engine.bigquery(text)]


def day(n: int) -> str:
    return (FIRST + timedelta(days=n)).isoformat()


@pytest.fixture
def days(engine: Engine) -> Days:
    return Days(engine)


def test_part_by_part(days: Days) -> None:
    asked = days.request(2, 6)
    days.work()
    backfill = days.backfill(asked)
    assert (backfill["status"], backfill["reason"]) == ("success", None)
    assert days.batches(asked) == [(2, 3, True), (4, 5, True), (6, 6, True)]
    assert days.target() == days.source(2, 6)
    priorities = days.engine.sql("SELECT DISTINCT priority, mode FROM refresh.refresh_task ORDER BY mode")
    assert priorities == [{"priority": 1000, "mode": "live"}, {"priority": 1000, "mode": "plan"}]
    check_invariants(days.engine)


def test_at_the_end(days: Days) -> None:
    asked = days.request(2, 6, "end")
    days.engine.steps.actions["publish_fenced"] = lambda: seen.append(days.target())
    seen: list[Any] = []
    days.work()
    assert days.backfill(asked)["status"] == "success"
    assert seen == [[]]
    assert days.target() == days.source(2, 6)
    (task,) = days.engine.sql("SELECT slices_total FROM refresh.refresh_task")
    assert task["slices_total"] == 3


@pytest.mark.parametrize("visible", ["slice", "end"])
def test_a_second_time_does_nothing(days: Days, visible: str) -> None:
    days.request(0, 9, visible)
    days.work()
    before = days.engine.sql("SELECT ctid::text, xmin::text FROM public.orders")
    asked = days.request(0, 9, visible)
    days.work()
    assert days.backfill(asked)["status"] == "no_new_data"
    assert days.batches(asked) == []
    assert days.engine.sql("SELECT ctid::text, xmin::text FROM public.orders") == before


def test_what_is_gone_goes_inside_of_the_range_alone(days: Days) -> None:
    days.request(0, 9, "end")
    days.work()
    days.engine.bigquery(f"DELETE FROM `{{d}}.orders` WHERE day IN ('{day(1)}', '{day(5)}')")
    days.request(4, 6)
    days.work()
    assert {row[1] for row in days.target()} == {FIRST + timedelta(days=n) for n in range(10) if n != 5}


def test_rows_of_the_target_that_nobody_published_are_seen(days: Days) -> None:
    days.engine.sql("INSERT INTO public.orders VALUES (900, '2025-01-03', 1), (901, '2025-03-01', 1)")
    days.engine.bigquery(f"DELETE FROM `{{d}}.orders` WHERE day = '{day(2)}'")
    days.request(1, 3, "end")
    days.work()
    assert days.target() == [*days.source(1, 3), (901, date(2025, 3, 1), 1)]


def test_a_daily_run_meanwhile_goes_first(days: Days) -> None:
    days.engine.sql("UPDATE refresh.refresh_table_registry SET lookback = NULL")
    asked = days.request(0, 9)
    while not [one for one in days.batches(asked) if one[2]]:
        days.work(most=1)
    run = days.engine.task("public.orders")
    days.work()
    assert sum(started for _, _, started in days.batches(asked)) == 1, "the next part waits for the daily run"
    days.engine.deliver(run)
    assert days.target() == days.source(0, 9)
    days.post.sweep()
    days.work()
    assert days.backfill(asked)["status"] == "success"
    days.engine.sql("UPDATE refresh.refresh_run SET status = 'success', finished_at = now() WHERE status = 'running'")
    check_invariants(days.engine)


def test_a_newer_run_keeps_what_it_has_published(days: Days) -> None:
    """The daily run was planned after the backfill's part, and publishes before it."""
    days.engine.sql("UPDATE refresh.refresh_table_registry SET lookback = NULL")
    asked = days.request(0, 9, "end")

    def daily() -> None:
        days.engine.steps.actions.clear()
        days.engine.bigquery("UPDATE `{d}.orders` SET amount = 99 WHERE id = 4")
        days.engine.bigquery(f"DELETE FROM `{{d}}.orders` WHERE day = '{day(3)}'")
        assert days.engine.another().refresh("public.orders")["status"] == "success"

    days.engine.steps.actions["plan_committed"] = daily
    days.work()
    assert days.target() == days.source(0, 9)
    assert days.backfill(asked)["status"] == "no_new_data"


def test_an_older_run_leaves_alone_what_a_backfill_has_seen(days: Days) -> None:
    """Days that the backfill found empty are not brought back by a run with an older snapshot."""
    days.engine.sql("UPDATE refresh.refresh_table_registry SET lookback = NULL")
    older = days.engine.task("public.orders")
    days.engine.bigquery(f"DELETE FROM `{{d}}.orders` WHERE day = '{day(3)}'")
    days.engine.bigquery("UPDATE `{d}.orders` SET amount = 99 WHERE id IN (4, 12)")
    days.request(2, 5, "end")
    days.work()
    days.engine.deliver(older)
    expected = [row if row[0] != 12 else (*row[:2], 6) for row in days.source(0, 9)]
    assert days.target() == expected


def test_after_a_backfill_the_table_is_as_fresh_as_before(days: Days) -> None:
    names = "last_refreshed_at, scanned_snapshot_at, scanned_from, last_data_period"
    facts = f"SELECT {names} FROM refresh.refresh_table_registry"
    days.engine.sql("UPDATE refresh.refresh_table_registry SET lookback = NULL")
    assert days.engine.refresh("public.orders")["status"] == "success"
    before = days.engine.sql(facts)
    days.engine.bigquery("UPDATE `{d}.orders` SET amount = 99 WHERE id = 4")
    days.request(2, 5)
    days.work()
    assert days.engine.sql(facts) == before
    assert days.target() == days.source(0, 9)


def test_a_cancelled_one_keeps_what_it_has_published(days: Days) -> None:
    asked = days.request(0, 9)
    while not days.target():
        days.work(most=1)
    assert days.engine.sql("SELECT refresh.cancel_backfill(:id) AS done", id=asked) == [{"done": True}]
    kept = days.target()
    days.work()
    assert days.backfill(asked)["status"] == "cancelled"
    assert days.target() == kept
    assert days.engine.sql("SELECT refresh.cancel_backfill(:id) AS done", id=asked) == [{"done": False}]
    again = days.request(0, 9)
    days.work()
    assert days.backfill(again)["status"] == "success"
    assert days.batches(again)[0][0] > 0, "what was published is not read again"
    assert days.target() == days.source(0, 9)


def test_one_that_fails_is_asked_for_again_and_goes_on(days: Days) -> None:
    asked = days.request(0, 9)
    while not days.target():
        days.work(most=1)
    days.engine.bigquery(f"INSERT INTO `{{d}}.orders` VALUES (19, '{day(9)}', 1)")
    days.work()
    backfill = days.backfill(asked)
    assert (backfill["status"], backfill["reason"]) == ("failed", "duplicate_key")
    days.engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 19")
    again = days.request(0, 9)
    days.work()
    assert days.backfill(again)["status"] == "success"
    assert days.target() == days.source(0, 9)


@pytest.mark.parametrize(
    ("bucket", "first", "last"), [("week", "2025-01-05", "2025-01-11"), ("month", "2025-01-01", "2025-01-31")]
)
def test_buckets_are_filled_as_a_whole(days: Days, bucket: str, first: str, last: str) -> None:
    days.engine.bigquery(
        "INSERT INTO `{d}.orders` VALUES (100, '2025-02-01', 1), (101, '2025-01-31', 1), (102, '2024-12-31', 1)"
    )
    days.engine.sql("UPDATE refresh.refresh_table_registry SET scope_bucket = :bucket", bucket=bucket)
    days.request(6, 7)
    days.work()
    text = f"SELECT * FROM `{{d}}.orders` WHERE day BETWEEN '{first}' AND '{last}' ORDER BY id"
    assert days.target() == [tuple(row.values()) for row in days.engine.bigquery(text)]


@pytest.mark.parametrize(
    ("change", "call", "problem"),
    [
        (
            "scope_column = NULL, lookback = NULL",
            "'public.orders', '2025-01-01', '2025-01-02'",
            "whose scopes are dates",
        ),
        ("mode = 'disabled'", "'public.orders', '2025-01-01', '2025-01-02'", "whose scopes are dates"),
        ("priority = 1", "'public.nothing', '2025-01-01', '2025-01-02'", "not registered"),
        ("priority = 1", "'public.orders', '2025-01-03', '2025-01-02'", "cannot be filled from"),
        ("priority = 1", "'public.orders', '2025-01-01', '2025-01-02', 'never'", "cannot be filled from"),
    ],
)
def test_what_cannot_be_filled_is_refused(days: Days, change: str, call: str, problem: str) -> None:
    days.engine.sql(f"UPDATE refresh.refresh_table_registry SET {change}")
    with pytest.raises(StoreRefused, match=problem):
        days.engine.sql(f"SELECT refresh.request_backfill({call})")


def test_one_table_is_filled_once_at_a_time(days: Days) -> None:
    days.request(0, 1)
    with pytest.raises(StoreRefused, match="is being filled already"):
        days.request(5, 6)
