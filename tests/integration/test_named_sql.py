"""A query of one's own as the source of a table."""

from __future__ import annotations

import pytest

from shared.domain.errors import StoreRefused
from tests.support.engine import Engine

AS_OF = "FOR SYSTEM_TIME AS OF @snapshot_at"


@pytest.fixture
def sales(engine: Engine) -> Engine:
    """A table of sums over two source tables."""
    engine.bigquery("CREATE TABLE `{d}.orders` (id INT64, day DATE, amount NUMERIC)")
    engine.bigquery("INSERT INTO `{d}.orders` VALUES (1, '2025-01-01', 2), (2, '2025-01-01', 3), (3, '2025-01-02', 5)")
    engine.bigquery("CREATE TABLE `{d}.returned` (id INT64)")
    engine.bigquery("INSERT INTO `{d}.returned` VALUES (2)")
    engine.sql("CREATE TABLE public.sales (day date PRIMARY KEY, amount numeric, orders bigint)")
    name(engine, "sales", query(engine))
    engine.register("public.sales", "orders", scope_column="day")
    engine.sql("UPDATE refresh.refresh_table_registry SET source = 'sql:sales'")
    return engine


def query(engine: Engine, where: str = "TRUE") -> str:
    return (
        f"SELECT day, SUM(amount) AS amount, COUNT(*) AS orders FROM `{engine.dataset}.orders` AS o {AS_OF}"
        f" WHERE {where} AND id NOT IN (SELECT id FROM `{engine.dataset}.returned` {AS_OF}) GROUP BY day"
    )


def name(engine: Engine, name: str, sql: str) -> None:
    engine.sql(
        "INSERT INTO refresh.refresh_named_sql (name, sql) VALUES (:name, :query)"
        " ON CONFLICT (name) DO UPDATE SET sql = excluded.sql",
        name=name,
        query=sql,
    )


def rows(engine: Engine) -> list[tuple[str, int, int]]:
    found = engine.sql("SELECT day::text AS day, amount, orders FROM public.sales ORDER BY day")
    return [(row["day"], int(row["amount"]), row["orders"]) for row in found]


def test_it_is_read_at_the_run_s_snapshot_and_only_changes_move(sales: Engine) -> None:
    snapshot = sales.source.now()
    task = sales.task("public.sales", snapshot_at=snapshot)
    sales.bigquery("INSERT INTO `{d}.orders` VALUES (4, '2025-01-02', 7)")
    assert sales.deliver(task)["status"] == "success"
    assert rows(sales) == [("2025-01-01", 2, 1), ("2025-01-02", 5, 1)]
    after = sales.refresh("public.sales")
    assert (after["status"], after["rows_read"], after["slices_skipped"]) == ("success", 1, 1)
    assert rows(sales) == [("2025-01-01", 2, 1), ("2025-01-02", 12, 2)]
    assert sales.refresh("public.sales")["status"] == "no_new_data"


def test_another_text_is_another_definition(sales: Engine) -> None:
    sales.refresh("public.sales")
    name(sales, "sales", query(sales, "amount < 3"))
    assert sales.refresh("public.sales")["status"] == "success"
    assert rows(sales) == [("2025-01-01", 2, 1)]
    trail = sales.sql(
        "SELECT details FROM refresh.refresh_audit_log WHERE event = 'named_sql_changed' ORDER BY audit_id"
    )
    assert [row["details"]["new"] is not None for row in trail] == [True, True]
    assert trail[1]["details"]["old"] == query(sales)


def test_one_that_is_not_read_at_the_snapshot_fails_with_the_remedy(sales: Engine) -> None:
    name(sales, "sales", f"SELECT day, amount, id AS orders FROM `{sales.dataset}.orders`")
    task = sales.refresh("public.sales")
    assert (task["status"], task["reason"]) == ("failed", "invalid_registration")
    assert "FOR SYSTEM_TIME AS OF @snapshot_at" in task["error"]
    assert rows(sales) == []


def test_one_that_bigquery_refuses_fails_with_bigquery_s_word(sales: Engine) -> None:
    name(sales, "sales", f"SELECT nothing FROM `{sales.dataset}.orders` {AS_OF}")
    task = sales.refresh("public.sales")
    assert (task["status"], task["reason"]) == ("failed", "invalid_registration")
    assert "nothing" in task["error"]


def test_a_registration_needs_its_text_and_keeps_it(sales: Engine) -> None:
    with pytest.raises(StoreRefused, match="there is no such named SQL"):
        sales.sql("UPDATE refresh.refresh_table_registry SET source = 'sql:nowhere'")
    with pytest.raises(StoreRefused, match=r"is the source of public\.sales"):
        sales.sql("DELETE FROM refresh.refresh_named_sql")
    sales.sql("UPDATE refresh.refresh_table_registry SET source = :other", other=f"{sales.dataset}.orders")
    sales.sql("DELETE FROM refresh.refresh_named_sql")
