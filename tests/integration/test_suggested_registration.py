"""A suggestion for a schema that nobody would draw up: its DDL runs, its registration is taken, and it refreshes."""

from __future__ import annotations

from shared.domain.ids import TableName
from shared.operations.registration import register
from shared.operations.suggestions import suggest_registration
from tests.support.engine import Engine

LONG = "a_column_whose_name_goes_on_and_on_until_postgres_cannot_keep_all_of_it"


def test_an_odd_table_is_refreshed_by_what_is_suggested(engine: Engine) -> None:
    engine.bigquery(
        "CREATE TABLE `{d}.odd` (`order` STRING, `user` INT64, OrderId INT64, `Total Sales` NUMERIC, "
        f"{LONG} STRING, nested STRUCT<a INT64, b ARRAY<STRUCT<c STRING>>>, tags ARRAY<STRING>, seen TIMESTAMP, "
        "`primary` BOOL)"
    )
    engine.bigquery(
        "INSERT INTO `{d}.odd` VALUES ('x', 1, 7, NUMERIC '1.5', 'l', STRUCT(1, [STRUCT('y')]), ['t'], "
        "TIMESTAMP '2025-01-02 03:04:05+00', true), ('z', NULL, 8, NULL, NULL, NULL, [], NULL, NULL)"
    )
    table = TableName(schema="public", name="select")
    found = suggest_registration(engine.source, f"{engine.dataset}.odd", table)
    assert found.options["key_columns"] == ["order_id"]
    engine.sql(found.ddl)
    assert register(engine.store, engine.source, table, found.options, actor="test") is None
    task = engine.refresh("public.select")
    assert (task["status"], task["rows_inserted"]) == ("success", 2), task["error"]
    first, second = engine.sql('SELECT * FROM public."select" ORDER BY order_id')
    assert (first["order"], first["user"], first["total_sales"], first["primary"]) == ("x", 1, 1.5, True)
    assert (first["nested"], first["tags"]) == ({"a": 1, "b": [{"c": "y"}]}, ["t"])
    (kept,) = (name for name in first if name.startswith("a_column"))
    assert (len(kept), first[kept], second[kept]) == (63, "l", None)
    assert engine.refresh("public.select")["status"] == "no_new_data"


def test_a_view_without_key_or_date_is_refreshed_by_what_is_suggested(engine: Engine) -> None:
    engine.bigquery("CREATE TABLE `{d}.base` (name STRING, amount FLOAT64)")
    engine.bigquery("INSERT INTO `{d}.base` VALUES ('a', 1.5), ('a', 1.5), ('b', 2)")
    engine.bigquery("CREATE VIEW `{d}.seen` AS SELECT * FROM `{d}.base`")
    table = TableName(schema="public", name="seen")
    found = suggest_registration(engine.source, f"{engine.dataset}.seen", table)
    assert len(found.notes) == 3, found.notes
    engine.sql(found.ddl)
    register(engine.store, engine.source, table, found.options, actor="test")
    assert engine.refresh("public.seen")["rows_inserted"] == 3
