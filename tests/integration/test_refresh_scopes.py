"""How a table is divided: buckets, lookback, lanes, and too many values."""

from __future__ import annotations

from collections import Counter
from threading import Thread
from typing import Any

import pytest

from tests.support.engine import Engine
from tests.support.orders import Orders


def _events(engine: Engine, kind: str, target: str, **registration: Any) -> None:
    engine.bigquery(f"CREATE TABLE `{{d}}.events` (id INT64, at {kind}, n INT64)")
    engine.sql(f"CREATE TABLE public.events (id bigint PRIMARY KEY, at {target}, n bigint)")
    engine.register("public.events", "events", key_columns=["id"], scope_column="at", **registration)


def _sides(engine: Engine) -> tuple[Counter[Any], Counter[Any]]:
    source = engine.bigquery("SELECT id, CAST(at AS STRING) AS at, n FROM `{d}.events`")
    target = engine.sql("SELECT id, at, n FROM public.events")
    return Counter((row["id"], row["n"]) for row in source), Counter((row["id"], row["n"]) for row in target)


_MOMENTS = [
    "2024-12-31 23:59:59.999999",
    "2025-01-01 00:00:00",
    "2025-01-04 23:59:59",
    "2025-01-05 00:00:00",
    "2025-01-31 12:00:00",
    "2025-02-01 00:00:00",
]


@pytest.mark.parametrize(
    ("bucket", "scopes"),
    [
        ("day", ["2024-12-31", "2025-01-01", "2025-01-04", "2025-01-05", "2025-01-31", "2025-02-01"]),
        ("week", ["2024-12-29", "2025-01-05", "2025-01-26"]),
        ("month", ["2024-12-01", "2025-01-01", "2025-02-01"]),
    ],
)
@pytest.mark.parametrize(("kind", "target"), [("TIMESTAMP", "timestamptz"), ("DATETIME", "timestamp")])
def test_a_moment_is_divided_into_days_weeks_or_months(
    engine: Engine, kind: str, target: str, bucket: str, scopes: list[str]
) -> None:
    _events(engine, kind, target, scope_bucket=bucket)
    zone = "+00" if kind == "TIMESTAMP" else ""
    rows = ", ".join(f"({n}, {kind} '{moment}{zone}', 0)" for n, moment in enumerate(_MOMENTS))
    engine.bigquery(f"INSERT INTO `{{d}}.events` VALUES {rows}")
    assert engine.refresh("public.events")["status"] == "success"
    state = engine.sql("SELECT scope FROM refresh.refresh_partition_state WHERE table_name = 'events' ORDER BY scope")
    assert [row["scope"] for row in state] == scopes
    engine.bigquery("UPDATE `{d}.events` SET n = 1 WHERE id = 3")
    engine.bigquery("DELETE FROM `{d}.events` WHERE id = 4")
    task = engine.refresh("public.events")
    assert (task["status"], task["rows_updated"], task["rows_deleted"]) == ("success", 1, 1)
    source, found = _sides(engine)
    assert found == source


@pytest.mark.parametrize(("kind", "target", "value"), [("STRING", "text", "'k{}'"), ("INT64", "integer", "{}")])
def test_a_hash_divides_what_has_many_values(engine: Engine, kind: str, target: str, value: str) -> None:
    _events(engine, kind, target, scope_bucket="hash:8")
    rows = ", ".join(f"({n}, {value.format(n * 7 - 30)}, 0)" for n in range(60))
    engine.bigquery(f"INSERT INTO `{{d}}.events` VALUES {rows}, (99, NULL, 0)")
    task = engine.refresh("public.events")
    assert task["status"] == "success"
    engine.bigquery("UPDATE `{d}.events` SET n = 1 WHERE id = 3")
    engine.bigquery("DELETE FROM `{d}.events` WHERE id IN (5, 99)")
    task = engine.refresh("public.events")
    assert (task["status"], task["rows_updated"], task["rows_deleted"]) == ("success", 1, 2)
    assert task["rows_read"] < 60
    source, found = _sides(engine)
    assert found == source


def test_what_lies_before_the_lookback_is_neither_read_nor_missed(engine: Engine) -> None:
    orders = Orders(engine, lookback=3, checks="{}")
    orders.days(1, 2)
    orders.insert((9001, "2099-01-01", "far ahead", "1"), (9002, "2099-01-02", "far ahead", "1"))
    task = orders.refresh()
    assert task["status"] == "success"
    assert task["rows_inserted"] == 2
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 9001")
    task = orders.refresh()
    assert (task["rows_deleted"], task["rows_inserted"]) == (1, 0)
    assert sorted(row[0] for row in orders.target()) == [9002]
    engine.sql("UPDATE refresh.refresh_table_registry SET lookback = NULL WHERE table_name = 'orders'")
    assert orders.refresh()["rows_inserted"] == 8
    assert orders.target() == orders.source()


def test_more_scope_values_than_can_be_planned_name_the_bucket(engine: Engine) -> None:
    _events(engine, "INT64", "bigint")
    engine.bigquery("INSERT INTO `{d}.events` SELECT n, n, 0 FROM UNNEST(GENERATE_ARRAY(1, 10001)) AS n")
    task = engine.refresh("public.events")
    assert (task["status"], task["reason"]) == ("failed", "invalid_registration")
    assert "scope_bucket" in task["error"]


def test_lanes_share_the_slices_and_one_of_them_publishes(engine: Engine) -> None:
    orders = Orders(engine, slice_target_rows=4, parallelism=3)
    orders.days(1, 9)
    message = engine.task("public.orders")
    engine.steps.actions["plan_committed"] = _Stop()
    with pytest.raises(_Stopped):
        engine.deliver(message)
    owed = engine.sql(
        "SELECT payload ->> 'lane' AS lane FROM refresh.refresh_outbox WHERE topic = 'refresh-generic' ORDER BY 1"
    )
    assert [row["lane"] for row in owed] == ["1", "2"]
    lanes = [engine.another() for _ in range(3)]
    threads = [Thread(target=lane.deliver, args=(message,)) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert engine.state(message)["status"] == "success"
    assert orders.target() == orders.source()
    claimed = Counter(step for lane in lanes for step in lane.steps.seen)
    assert claimed["slice_committed"] == 9
    assert claimed["publish_committed"] == 1
    for lane in lanes:
        lane.close()


class _Stopped(BaseException):
    pass


class _Stop:
    def __call__(self) -> None:
        raise _Stopped
