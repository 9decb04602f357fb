"""Names, values that do not fit, and registrations that do not fit together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.engine import Engine


def _table(engine: Engine, source: str, target: str, rows: str, **registration: Any) -> None:
    engine.bigquery(f"CREATE TABLE `{{d}}.things` ({source})")
    engine.sql(f"CREATE TABLE public.things ({target})")
    engine.bigquery(f"INSERT INTO `{{d}}.things` VALUES {rows}")
    engine.register("public.things", "things", **registration)


def test_names_are_folded_and_a_map_names_the_rest(engine: Engine) -> None:
    _table(
        engine,
        "`Item Id` INT64, UnitPrice NUMERIC, `x` STRING, internal STRING",
        "item_id bigint PRIMARY KEY, unit_price numeric, label text, note text DEFAULT 'none'",
        "(1, 2.5, 'a', 'secret')",
        column_map=json.dumps({"x": "label", "internal": None}),
    )
    task = engine.refresh("public.things")
    assert task["status"] == "success"
    (row,) = engine.sql("SELECT * FROM public.things")
    assert (row["item_id"], str(row["unit_price"]).rstrip("0"), row["label"], row["note"]) == (1, "2.5", "a", "none")


def test_source_columns_without_a_home_are_named_in_the_task(engine: Engine) -> None:
    _table(engine, "id INT64, extra STRING", "id bigint PRIMARY KEY", "(1, 'x')")
    assert engine.refresh("public.things")["details"]["ignored_columns"] == ["extra"]


def test_what_does_not_fit_is_put_aside_and_the_rest_published(engine: Engine) -> None:
    _table(
        engine,
        "id INT64, code STRING, small INT64, price NUMERIC, must STRING",
        "id bigint PRIMARY KEY, code varchar(3), small smallint, price numeric(5,2), must text NOT NULL",
        "(1, 'abc', 1, 1.25, 'x'), (2, 'abcd', 1, 1, 'x'), (3, 'a', 40000, 1, 'x'), (4, 'a', 1, 1.255, 'x'),"
        " (5, 'a', 1, 1000, 'x'), (6, 'a', 1, 1, NULL), (7, NULL, NULL, NULL, 'x')",
    )
    task = engine.refresh("public.things")
    assert (task["status"], task["reason"]) == ("warning", "rows_quarantined")
    assert (task["rows_read"], task["rows_inserted"], task["rows_quarantined"]) == (7, 2, 5)
    put_aside = engine.sql("SELECT column_name, source_row FROM refresh.refresh_quarantine ORDER BY quarantine_id")
    assert [row["column_name"] for row in put_aside] == ["code", "small", "price", "price", "must"]
    assert put_aside[0]["source_row"]["code"] == "abcd"
    again = engine.refresh("public.things")
    assert (again["status"], again["reason"]) == ("warning", "rows_quarantined")


def test_a_nul_is_stripped_and_counted_or_refused(engine: Engine) -> None:
    _table(
        engine, "id INT64, name STRING", "id bigint PRIMARY KEY, name text", "(1, CODE_POINTS_TO_STRING([97, 0, 98]))"
    )
    task = engine.refresh("public.things")
    assert task["status"] == "success"
    assert task["details"]["values_stripped"] == {"name": 1}
    assert engine.sql("SELECT name FROM public.things") == [{"name": "ab"}]
    engine.sql('UPDATE refresh.refresh_table_registry SET nul_policies = \'{"name": "quarantine"}\'')
    task = engine.refresh("public.things")
    assert (task["status"], task["rows_quarantined"], task["rows_deleted"]) == ("warning", 1, 1)
    engine.sql('UPDATE refresh.refresh_table_registry SET nul_policies = \'{"name": "reject"}\'')
    task = engine.refresh("public.things")
    assert (task["status"], task["reason"]) == ("failed", "nul_in_text")


def test_the_time_of_the_publish_is_written_where_asked(engine: Engine) -> None:
    _table(
        engine,
        "id INT64, n INT64",
        "id bigint PRIMARY KEY, n bigint, loaded_at timestamptz",
        "(1, 1), (2, 2)",
        loaded_at_column="loaded_at",
    )
    engine.refresh("public.things")
    engine.sql("UPDATE public.things SET loaded_at = '2000-01-01'")
    engine.bigquery("UPDATE `{d}.things` SET n = 3 WHERE id = 2")
    engine.refresh("public.things")
    rows = engine.sql("SELECT id FROM public.things WHERE loaded_at > '2020-01-01'")
    assert rows == [{"id": 2}]


@pytest.mark.parametrize(
    ("source", "target", "registration", "message"),
    [
        ("id INT64, a STRING", "id bigint PRIMARY KEY, a bigint", {}, "column a is bigint"),
        ("id INT64", "id bigint PRIMARY KEY, must text NOT NULL", {}, "must are NOT NULL without a default"),
        ("b STRING, c INT64", "id bigint PRIMARY KEY, b text", {}, "key column(s) id get no value"),
        (
            "id INT64, `My Name` STRING, my_name STRING",
            "id bigint PRIMARY KEY, my_name text",
            {},
            "both become my_name",
        ),
        (
            "id INT64",
            "id bigint PRIMARY KEY, n bigint",
            {"column_map": json.dumps({"nope": "n"})},
            "column_map names nope, which source",
        ),
        (
            "id INT64, at TIMESTAMP",
            "id bigint PRIMARY KEY, at timestamptz",
            {"scope_column": "at", "scope_bucket": "day", "table": "nowhere"},
            "does not exist in BigQuery",
        ),
    ],
)
def test_a_registration_that_does_not_fit_says_what_to_change(
    engine: Engine, source: str, target: str, registration: dict[str, Any], message: str
) -> None:
    engine.bigquery(f"CREATE TABLE `{{d}}.things` ({source})")
    engine.sql(f"CREATE TABLE public.things ({target})")
    engine.register("public.things", registration.pop("table", "things"), **registration)
    task = engine.refresh("public.things")
    assert (task["status"], task["reason"]) == ("failed", "invalid_registration")
    assert "public.things" in task["error"] or "source" in task["error"]
    assert message in task["error"]
