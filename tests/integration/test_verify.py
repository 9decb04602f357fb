"""Verification: what is equal is found equal, for every type and every shape of scope, and what is not is named."""

from __future__ import annotations

from typing import Any

import pytest

from shared.ports import Row
from tests.support.engine import Engine

_SOURCE = (
    "id INT64, day DATE, name STRING, amount NUMERIC, big BIGNUMERIC, ratio FLOAT64, flag BOOL, raw BYTES, "
    "at TIMESTAMP, local DATETIME, clock TIME, doc JSON, tags ARRAY<STRING>, fixed STRING, small INT64"
)
_TARGET = (
    "id bigint PRIMARY KEY, day date, name text, amount numeric(12,3), big numeric, ratio double precision, "
    "flag boolean, raw bytea, at timestamptz, local timestamp, clock time, doc jsonb, tags text[], "
    "fixed character(4), small numeric"
)
_ROWS = (
    "(1, DATE '2025-06-01', 'Grüße, 日本', NUMERIC '1.5', BIGNUMERIC '12.25', 0.1, TRUE, b'\\x00\\xff', "
    "TIMESTAMP '2025-06-01 12:00:00.123456+00', DATETIME '0001-01-01 00:00:00', TIME '23:59:59.999999', "
    """JSON '{{"a": [1, 2]}}', ['x', 'y'], 'ab', 7), """
    "(2, DATE '2025-06-01', '', NUMERIC '-100', BIGNUMERIC '0', CAST('NaN' AS FLOAT64), FALSE, b'', "
    "TIMESTAMP '9999-12-31 23:59:59.999999+00', DATETIME '2025-06-01 00:00:00', TIME '00:00:00', "
    "JSON 'null', [], '', -7), "
    "(3, DATE '2025-06-02', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, [], NULL, NULL), "
    "(4, NULL, 'x', NUMERIC '0', NULL, CAST('-inf' AS FLOAT64), TRUE, NULL, NULL, NULL, NULL, NULL, ['z'], 'abcd', 0), "
    "(5, DATE '2025-06-03', CONCAT('y', CODE_POINTS_TO_STRING([0]), 'y'), "
    "NUMERIC '0.001', NULL, -0.0, TRUE, NULL, NULL, NULL, NULL, NULL, [], NULL, 1), "
    "(6, DATE '2025-06-03', 'z', NUMERIC '7', NULL, 1e300, TRUE, NULL, NULL, NULL, NULL, NULL, [], NULL, 1)"
)


def verified(engine: Engine, table: str) -> Row:
    """The task of a verification of the table, at its end."""
    return engine.refresh(table, mode="verify")


def checks(engine: Engine, task: Row) -> list[Row]:
    return engine.sql(
        "SELECT scope, metric, value, passed FROM refresh.refresh_data_quality "
        "WHERE metric LIKE 'verified%' ORDER BY check_id"
    )


@pytest.fixture
def orders(engine: Engine) -> str:
    """A table of all types, refreshed."""
    engine.bigquery(f"CREATE TABLE {engine.dataset}.orders ({_SOURCE})")
    engine.bigquery(f"INSERT INTO {engine.dataset}.orders VALUES {_ROWS}")
    engine.sql(f"CREATE TABLE public.orders ({_TARGET})")
    engine.register("public.orders", "orders", scope_column="day")
    assert engine.refresh("public.orders")["status"] == "success"
    return "public.orders"


def test_what_is_equal_is_found_equal(engine: Engine, orders: str) -> None:
    task = verified(engine, orders)
    assert (task["status"], task["error"]) == ("success", None)
    found = task["details"]["verified"]
    assert (found["scopes"], found["scopes_left_out"], found["scopes_not_equal"], found["rows"]) == (4, 0, 0, 6)
    (whole,) = checks(engine, task)
    assert (whole["metric"], whole["value"], whole["passed"]) == ("verified_table", 0, True)


@pytest.mark.parametrize(
    ("change", "scope", "columns"),
    [
        ("UPDATE public.orders SET name = name || ' ' WHERE id = 1", "2025-06-01", ["name"]),
        ("UPDATE public.orders SET amount = amount + 0.001 WHERE id = 2", "2025-06-01", ["amount"]),
        ("UPDATE public.orders SET big = big + 0.00000001 WHERE id = 1", "2025-06-01", ["big"]),
        ("UPDATE public.orders SET ratio = ratio + 1e-14 WHERE id = 1", "2025-06-01", ["ratio"]),
        ("UPDATE public.orders SET ratio = 'Infinity' WHERE id = 4", None, ["ratio"]),
        ("UPDATE public.orders SET flag = NOT flag WHERE id = 4", None, ["flag"]),
        ("UPDATE public.orders SET raw = '\\x00fe' WHERE id = 1", "2025-06-01", ["raw"]),
        ("UPDATE public.orders SET at = at - interval '1 microsecond' WHERE id = 2", "2025-06-01", ["at"]),
        ("UPDATE public.orders SET local = '0001-01-02' WHERE id = 1", "2025-06-01", ["local"]),
        ("UPDATE public.orders SET clock = '23:59:59.999998' WHERE id = 1", "2025-06-01", ["clock"]),
        ("UPDATE public.orders SET doc = NULL WHERE id = 1", "2025-06-01", ["doc"]),
        ("UPDATE public.orders SET tags = '{}' WHERE id = 4", None, ["tags"]),
        ("UPDATE public.orders SET fixed = 'abce' WHERE id = 4", None, ["fixed"]),
        ("UPDATE public.orders SET name = 'q', small = 2 WHERE id = 3", "2025-06-02", ["name", "small"]),
        ("UPDATE public.orders SET id = 60 WHERE id = 6", "2025-06-03", ["id"]),
    ],
)
def test_a_changed_value_is_found_with_scope_and_column(
    engine: Engine, orders: str, change: str, scope: str | None, columns: list[str]
) -> None:
    engine.sql(change)
    task = verified(engine, orders)
    assert (task["status"], task["reason"]) == ("warning", "not_equal")
    (difference,) = task["details"]["verified"]["differences"]
    assert (difference["scope"], difference["columns"]) == (scope, columns)
    whole, one = checks(engine, task)
    assert (whole["value"], whole["passed"]) == (1, False)
    assert (one["scope"], one["metric"], one["value"]) == (scope, "verified_scope", len(columns))


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        ("DELETE FROM public.orders WHERE id = 5", (2, 1)),
        ("DELETE FROM public.orders WHERE day = '2025-06-03'", (2, 0)),
        ("INSERT INTO public.orders (id, day) VALUES (9, '2025-06-03')", (2, 3)),
    ],
)
def test_missing_and_foreign_rows_are_found(engine: Engine, orders: str, change: str, rows: tuple[int, int]) -> None:
    engine.sql(change)
    (difference,) = verified(engine, orders)["details"]["verified"]["differences"]
    assert difference["scope"] == "2025-06-03"
    assert (difference["source_rows"], difference["target_rows"]) == rows


def test_rows_of_a_scope_that_the_source_never_had_are_found(engine: Engine, orders: str) -> None:
    engine.sql("INSERT INTO public.orders (id, day) VALUES (9, '2024-01-01')")
    (difference,) = verified(engine, orders)["details"]["verified"]["differences"]
    assert (difference["scope"], difference["source_rows"], difference["target_rows"]) == ("2024-01-01", 0, 1)


def test_the_source_is_read_as_it_was_at_the_last_refresh(engine: Engine, orders: str) -> None:
    engine.bigquery("UPDATE {d}.orders SET name = 'later' WHERE id = 1")
    assert verified(engine, orders)["status"] == "success"
    engine.refresh(orders)
    assert verified(engine, orders)["status"] == "success"


def test_a_difference_is_an_event_and_equality_is_none(engine: Engine, orders: str) -> None:
    def events() -> list[Any]:
        return [
            row["payload"]["data"]["reason"]
            for row in engine.sql("SELECT payload FROM refresh.refresh_outbox WHERE topic = 'refresh-events'")
        ]

    before = events()
    verified(engine, orders)
    assert events() == before
    engine.sql("DELETE FROM public.orders WHERE id = 5")
    verified(engine, orders)
    assert events() == [*before, "not_equal"]


def test_what_was_put_aside_is_missing_by_right(engine: Engine) -> None:
    engine.bigquery("CREATE TABLE {d}.narrow (id INT64, day DATE, name STRING)")
    engine.bigquery(
        "INSERT INTO {d}.narrow VALUES (1, DATE '2025-06-01', 'abc'), (2, DATE '2025-06-01', 'much too long')"
    )
    engine.sql("CREATE TABLE public.narrow (id bigint PRIMARY KEY, day date, name varchar(5))")
    engine.register("public.narrow", "narrow", scope_column="day")
    assert engine.refresh("public.narrow")["rows_quarantined"] == 1
    assert verified(engine, "public.narrow")["status"] == "success"
    engine.sql("DELETE FROM public.narrow")
    assert verified(engine, "public.narrow")["status"] == "warning"


@pytest.mark.parametrize("bucket", ["hash:3", "week", "month", None])
def test_every_kind_of_scope_is_compared(engine: Engine, bucket: str | None) -> None:
    engine.bigquery("CREATE TABLE {d}.daily (id INT64, day DATE)")
    engine.bigquery("INSERT INTO {d}.daily VALUES (1, DATE '2025-06-01'), (2, DATE '2025-06-09'), (3, NULL)")
    engine.sql("CREATE TABLE public.daily (id bigint PRIMARY KEY, day date)")
    engine.register("public.daily", "daily", scope_column="day", scope_bucket=bucket)
    engine.refresh("public.daily")
    assert verified(engine, "public.daily")["status"] == "success"


def test_a_table_without_scope_and_key_is_one_scope(engine: Engine) -> None:
    engine.bigquery("CREATE TABLE {d}.plain (name STRING)")
    engine.bigquery("INSERT INTO {d}.plain VALUES ('a'), ('a'), ('b')")
    engine.sql("CREATE TABLE public.plain (name text)")
    engine.register("public.plain", "plain")
    engine.refresh("public.plain")
    assert verified(engine, "public.plain")["details"]["verified"]["rows"] == 3
    engine.sql("UPDATE public.plain SET name = 'b' WHERE ctid = (SELECT min(ctid) FROM public.plain)")
    assert verified(engine, "public.plain")["details"]["verified"]["differences"][0]["columns"] == ["name"]


def test_outside_of_a_lookback_nothing_is_claimed(engine: Engine) -> None:
    engine.bigquery("CREATE TABLE {d}.recent (id INT64, day DATE)")
    engine.bigquery(
        "INSERT INTO {d}.recent VALUES (1, DATE '2001-01-01'), (2, DATE_SUB(CURRENT_DATE(), INTERVAL 1 DAY))"
    )
    engine.sql("CREATE TABLE public.recent (id bigint PRIMARY KEY, day date)")
    engine.register("public.recent", "recent", scope_column="day", lookback=30)
    engine.refresh("public.recent")
    found = verified(engine, "public.recent")["details"]["verified"]
    assert (found["scopes"], found["scopes_left_out"], found["differences"]) == (1, 1, [])


def test_a_table_that_is_only_added_to_has_at_least_what_the_source_has(engine: Engine) -> None:
    engine.bigquery("CREATE TABLE {d}.log (id INT64, text STRING)")
    engine.bigquery("INSERT INTO {d}.log VALUES (1, 'a'), (2, 'b')")
    engine.sql("CREATE TABLE public.log (id bigint PRIMARY KEY, text text)")
    engine.register("public.log", "log", strategy="append")
    engine.refresh("public.log")
    engine.sql("INSERT INTO public.log VALUES (3, 'c')")
    assert verified(engine, "public.log")["status"] == "success"
    engine.sql("DELETE FROM public.log WHERE id < 3")
    assert verified(engine, "public.log")["status"] == "warning"


def test_what_cannot_be_compared_says_why(engine: Engine) -> None:
    engine.bigquery("CREATE TABLE {d}.base (id INT64)")
    engine.bigquery("CREATE VIEW {d}.seen AS SELECT id FROM {d}.base")
    for name, source in (("base", "base"), ("seen", "seen")):
        engine.sql(f"CREATE TABLE public.{name} (id bigint PRIMARY KEY)")
        engine.register(f"public.{name}", source)
    new = verified(engine, "public.base")
    assert (new["status"], new["reason"]) == ("no_new_data", "not_comparable")
    assert "has not been refreshed yet" in new["error"]
    engine.refresh("public.seen")
    assert "its source is a view" in verified(engine, "public.seen")["error"]


def test_a_worker_that_dies_is_followed_by_one_that_goes_on(engine: Engine, orders: str) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    engine.steps.actions["source_read"] = die
    message = engine.task(orders, mode="verify")
    with pytest.raises(KeyboardInterrupt):
        engine.deliver(message)
    engine.steps.actions.clear()
    engine.sql(
        "UPDATE refresh.refresh_task SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL"
    )
    assert engine.deliver(message)["status"] == "success"
    assert len(checks(engine, {})) == 1
