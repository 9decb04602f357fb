"""What one run after another makes of a table: equality, what is moved, and what is left alone."""

from __future__ import annotations

import pytest

from tests.support.engine import Engine
from tests.support.orders import Orders


def test_a_first_run_makes_the_target_equal_to_its_source(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 5)
    task = orders.refresh()
    assert (task["status"], task["reason"], task["error"]) == ("success", None, None)
    assert task["rows_inserted"] == 20
    assert orders.target() == orders.source()
    assert engine.staging_tables() == []


def test_a_run_without_changes_moves_nothing(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 5)
    orders.refresh()
    task = orders.refresh()
    assert task["status"] == "no_new_data"
    assert task["slices_total"] == 0
    assert task["slices_skipped"] == 5
    assert task["rows_read"] == 0


def test_only_changed_scopes_are_read_and_only_differing_rows_written(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 5)
    orders.refresh()
    engine.bigquery("UPDATE `{d}.orders` SET amount = 99 WHERE id = 301")
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 302")
    orders.insert((309, "2025-01-03", "new", "7"))
    task = orders.refresh()
    assert task["status"] == "success"
    assert task["rows_read"] == 4
    assert (task["rows_inserted"], task["rows_updated"], task["rows_deleted"], task["rows_unchanged"]) == (1, 1, 1, 2)
    assert orders.target() == orders.source()


def test_a_vanished_scope_vanishes(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 5)
    orders.refresh()
    engine.bigquery("DELETE FROM `{d}.orders` WHERE day = DATE '2025-01-02'")
    task = orders.refresh()
    assert (task["status"], task["rows_deleted"], task["slices_total"]) == ("success", 4, 0)
    assert orders.target() == orders.source()


def test_a_row_that_moves_to_another_scope_leaves_and_arrives_at_once(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 5)
    orders.refresh()
    engine.bigquery("UPDATE `{d}.orders` SET day = DATE '2025-01-04' WHERE id = 102")
    task = orders.refresh()
    assert task["status"] == "success"
    assert (task["rows_inserted"], task["rows_updated"], task["rows_deleted"]) == (0, 1, 0)
    assert orders.target() == orders.source()


def test_null_is_a_scope_value(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 3)
    orders.insert((1, None, "undated", "5"), (2, None, None, None))
    orders.refresh()
    assert orders.target() == orders.source()
    engine.bigquery("UPDATE `{d}.orders` SET amount = 6 WHERE id = 1")
    task = orders.refresh()
    assert (task["rows_read"], task["rows_updated"]) == (2, 1)
    engine.bigquery("DELETE FROM `{d}.orders` WHERE day IS NULL")
    assert orders.refresh()["rows_deleted"] == 2
    assert orders.target() == orders.source()


@pytest.mark.parametrize(("left", "reason"), [(0, "empty_source"), (1, "halved_source")])
def test_an_empty_or_halved_source_changes_nothing(engine: Engine, left: int, reason: str) -> None:
    orders = Orders(engine)
    orders.days(1, 4)
    orders.refresh()
    before = orders.target()
    engine.bigquery(f"DELETE FROM `{{d}}.orders` WHERE day > DATE '2025-01-0{left}' OR {left} = 0")
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("held", reason)
    assert orders.target() == before
    orders.days(left + 1, 4)
    assert orders.refresh()["status"] == "no_new_data"


def test_an_empty_source_for_an_empty_target_is_no_new_data(engine: Engine) -> None:
    assert Orders(engine).refresh()["status"] == "no_new_data"


def test_on_first_contact_rows_of_the_target_that_the_source_lacks_are_deleted(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 3)
    engine.sql(
        "INSERT INTO public.orders VALUES (1, '2024-12-31', 'old', 1), (100, '2025-01-01', 'customer 0', 0.5),"
        " (101, '2025-01-01', 'stale', 9)"
    )
    task = orders.refresh()
    assert task["status"] == "success"
    assert (task["rows_inserted"], task["rows_updated"], task["rows_deleted"]) == (10, 1, 1)
    assert orders.target() == orders.source()


def test_without_a_key_equal_rows_are_neither_lost_nor_doubled(engine: Engine) -> None:
    orders = Orders(engine, keyed=False)
    for _ in range(3):
        orders.insert((1, "2025-01-01", "twin", "5"))
    orders.insert((2, "2025-01-01", None, None), (3, "2025-01-02", "x", "0"))
    orders.refresh()
    assert orders.target() == orders.source()
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 1")
    for _ in range(2):
        orders.insert((1, "2025-01-01", "twin", "5"))
    task = orders.refresh()
    assert (task["status"], task["rows_deleted"], task["rows_inserted"], task["rows_unchanged"]) == ("success", 1, 0, 3)
    assert orders.target() == orders.source()


def test_without_a_scope_the_table_is_one_scope(engine: Engine) -> None:
    orders = Orders(engine, scope_column=None)
    orders.days(1, 3)
    orders.refresh()
    engine.bigquery("UPDATE `{d}.orders` SET customer = 'other' WHERE id = 201")
    task = orders.refresh()
    assert (task["rows_read"], task["rows_updated"], task["rows_unchanged"]) == (12, 1, 11)
    assert orders.target() == orders.source()


def test_append_leaves_published_rows_alone_and_says_so(engine: Engine) -> None:
    orders = Orders(engine, strategy="append")
    orders.days(1, 3)
    assert orders.refresh()["status"] == "success"
    published = orders.target()
    engine.bigquery("UPDATE `{d}.orders` SET amount = 99 WHERE id = 101")
    orders.insert((109, "2025-01-01", "late", "1"))
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("warning", "append_only")
    assert (task["rows_inserted"], task["rows_updated"], task["rows_deleted"]) == (1, 0, 0)
    assert published < orders.target()


def test_replace_publishes_all_scopes_as_one(engine: Engine) -> None:
    orders = Orders(engine, strategy="replace")
    orders.days(1, 4)
    orders.refresh()
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 101")
    task = orders.refresh()
    assert (task["rows_read"], task["rows_deleted"], task["rows_unchanged"]) == (15, 1, 15)
    assert orders.target() == orders.source()


def test_force_reads_again_what_did_not_change(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 2)
    orders.refresh()
    engine.sql("UPDATE public.orders SET amount = 1000 WHERE id = 101")
    assert orders.refresh()["status"] == "no_new_data"
    task = orders.refresh(force=True)
    assert (task["status"], task["rows_updated"], task["rows_unchanged"]) == ("success", 1, 7)
    assert orders.target() == orders.source()


def test_small_slices_and_small_chunks_come_to_the_same(engine: Engine) -> None:
    orders = Orders(engine, slice_target_rows=8)
    orders.days(1, 9)
    small = engine.another(chunk_rows=3)
    task = small.refresh("public.orders")
    assert (task["status"], task["slices_total"]) == ("success", 5)
    assert orders.target() == orders.source()
    small.close()


def test_a_key_that_stands_twice_fails_with_its_value(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 2)
    orders.refresh()
    before = orders.target()
    orders.insert((101, "2025-01-01", "again", "1"))
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("failed", "duplicate_key")
    assert "(101)" in task["error"]
    assert orders.target() == before
    assert engine.staging_tables() == []


def test_a_duplicate_key_in_a_first_load_fails_too(engine: Engine) -> None:
    orders = Orders(engine)
    orders.insert((1, "2025-01-01", "a", "1"), (1, "2025-01-02", "b", "1"))
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("failed", "duplicate_key")
    assert "(id)=(1)" in task["error"]
    assert not orders.target()


def test_a_null_in_the_key_fails_before_anything_is_read(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 1)
    orders.insert((None, "2025-01-01", "nobody", "1"))
    task = orders.refresh()
    assert (task["status"], task["reason"], task["slices_total"]) == ("failed", "null_key", 0)
    assert "id is NULL in 1 source row" in task["error"]


def test_a_view_is_read_through_one_result(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 3)
    engine.bigquery("CREATE VIEW `{d}.large_orders` AS SELECT * FROM `{d}.orders` WHERE amount > 1")
    engine.sql("UPDATE refresh.refresh_table_registry SET source = :source", source=f"{engine.dataset}.large_orders")
    task = orders.refresh()
    assert task["status"] == "success"
    assert task["rows_inserted"] == 9
    assert orders.refresh()["status"] == "no_new_data"
