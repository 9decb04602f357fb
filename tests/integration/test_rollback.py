"""Publishes taken back: the table is what it was, to the byte, and what was taken back does not come by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from shared.domain.errors import StoreRefused
from tests.support.invariants import check_invariants
from tests.support.publishes import image, roll_back, undo_tables
from tests.support.staged import Item, StagedEngine, StagedTable


@pytest.fixture
def staged(migrated_url: str) -> Iterator[StagedEngine]:
    engine = StagedEngine(migrated_url)
    yield engine
    engine.close()


def items(version: int, parts: str = "abc") -> list[Item]:
    """Five rows a part: one changes with the version, one is there in odd versions alone."""
    return [
        (ord(part) * 10 + n, part, f"{part}{n} of {version if n == 0 else 0}")
        for part in parts
        for n in range(4 + version % 2)
    ]


def publish(table: StagedTable, rows: list[Item], **options: Any) -> dict[str, Any]:
    task = table.engine.deliver(table.stage(rows, **options))
    assert task["status"] in ("success", "no_new_data")
    return task


@pytest.mark.parametrize("keyed", [True, False])
def test_the_last_publish_is_taken_back_to_the_byte(staged: StagedEngine, keyed: bool) -> None:
    table = StagedTable(staged, keyed=keyed)
    publish(table, items(1))
    before = image(staged, table.table)
    task = publish(table, [*items(2, "ab"), *items(1, "d")], vanished=["c"])
    assert image(staged, table.table) != before
    (taken,) = roll_back(staged, task["run_id"])
    assert (taken["rows_inserted"], taken["rows_updated"], taken["rows_deleted"]) == (
        task["rows_inserted"],
        task["rows_updated"],
        task["rows_deleted"],
    )
    assert image(staged, table.table) == before
    assert undo_tables(staged) == []
    check_invariants(staged)


def test_a_filled_table_is_empty_again(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    task = publish(table, items(1))
    assert undo_tables(staged) == []
    roll_back(staged, task["run_id"])
    assert table.items() == []


def test_newest_first(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    images, runs = [image(staged, table.table)], []
    for version in range(1, 5):
        runs.append(publish(table, items(version))["run_id"])
        images.append(image(staged, table.table))
    with pytest.raises(StoreRefused, match=f"by run {runs[3]}.*by run {runs[2]}"):
        roll_back(staged, runs[1])
    for run in reversed(runs):
        assert image(staged, table.table) == images.pop()
        roll_back(staged, run)
    assert image(staged, table.table) == images.pop()
    with pytest.raises(StoreRefused, match="taken back already"):
        roll_back(staged, runs[0])


def test_publishes_of_other_scopes_stand_in_nobodys_way(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    publish(table, items(1))
    first = publish(table, items(2, "a"))
    second = publish(table, items(3, "b"))
    expected = sorted([*items(1, "a"), *items(3, "b"), *items(1, "c")])
    roll_back(staged, first["run_id"])
    assert table.items() == expected
    roll_back(staged, second["run_id"])
    assert table.items() == items(1)


def test_a_row_that_moved_to_another_scope_is_the_same_row(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    publish(table, [(1, "a", "one"), (2, "b", "two")])
    first = publish(table, [(1, "a", "changed")])
    second = publish(table, [(1, "c", "changed")])
    with pytest.raises(StoreRefused, match=f"by run {second['run_id']}"):
        roll_back(staged, first["run_id"])
    roll_back(staged, second["run_id"])
    roll_back(staged, first["run_id"])
    assert table.items() == [(1, "a", "one"), (2, "b", "two")]


def test_no_more_is_kept_than_the_registry_says(staged: StagedEngine) -> None:
    table = StagedTable(staged, rollback_publishes=2)
    runs = [publish(table, items(version))["run_id"] for version in range(1, 5)]
    assert len(undo_tables(staged)) == 2
    roll_back(staged, runs[3])
    roll_back(staged, runs[2])
    with pytest.raises(StoreRefused, match="no longer kept"):
        roll_back(staged, runs[1])
    assert table.items() == items(2)


def test_a_table_that_keeps_nothing_cannot_be_taken_back(staged: StagedEngine) -> None:
    table = StagedTable(staged, rollback_publishes=0)
    publish(table, items(1))
    task = publish(table, items(2))
    assert undo_tables(staged) == []
    with pytest.raises(StoreRefused, match="no longer kept"):
        roll_back(staged, task["run_id"])


def test_a_row_changed_by_hand_stops_the_rollback(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    publish(table, items(1))
    task = publish(table, items(2))
    staged.sql(f"DELETE FROM {table.table} WHERE id = 970")
    held = table.items()
    with pytest.raises(StoreRefused, match=r"of 3 rows that run .* updated, 2 are as it left them"):
        roll_back(staged, task["run_id"])
    assert table.items() == held


def test_columns_that_no_source_feeds_come_back_too(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    staged.sql(
        f"ALTER TABLE {table.table} ADD number bigint GENERATED ALWAYS AS IDENTITY,"
        " ADD noted timestamptz DEFAULT clock_timestamp(), ADD length integer GENERATED ALWAYS AS (length(text)) STORED"
    )
    publish(table, items(1))
    before = image(staged, table.table)
    task = publish(table, items(2, "ab"), vanished=["c"])
    roll_back(staged, task["run_id"])
    assert image(staged, table.table) == before


def test_a_column_added_since_does_not_break_it(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    publish(table, items(1))
    task = publish(table, items(2))
    staged.sql(f"ALTER TABLE {table.table} ADD note text DEFAULT 'none', ALTER id TYPE numeric")
    roll_back(staged, task["run_id"])
    assert table.items() == items(1)


def test_a_column_that_is_gone_stops_it(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    staged.sql(f"ALTER TABLE {table.table} ADD note text")
    publish(table, items(1))
    task = publish(table, items(2))
    staged.sql(f"ALTER TABLE {table.table} DROP note")
    with pytest.raises(StoreRefused, match="no longer has note"):
        roll_back(staged, task["run_id"])


def test_values_of_another_unique_index_that_changed_places(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    publish(table, [(n, "a", f"t{n}") for n in range(20)])
    staged.sql(f"ALTER TABLE {table.table} ADD UNIQUE (text) DEFERRABLE INITIALLY DEFERRED")
    task = publish(table, [(n, "a", f"t{(n + 1) % 20}") for n in range(20)])
    staged.sql(f"ALTER TABLE {table.table} DROP CONSTRAINT items_text_key, ADD UNIQUE (text)")
    roll_back(staged, task["run_id"])
    assert table.items() == [(n, "a", f"t{n}") for n in range(20)]


def test_a_partitioned_table(staged: StagedEngine) -> None:
    table = StagedTable(staged, keyed=False)
    staged.sql(
        f"DROP TABLE {table.table};"
        f"CREATE TABLE {table.table} (id bigint, part text, text text) PARTITION BY LIST (part);"
        f"CREATE TABLE public.items_a PARTITION OF {table.table} FOR VALUES IN ('a');"
        f"CREATE TABLE public.items_rest PARTITION OF {table.table} DEFAULT"
    )
    publish(table, [*items(1), *items(1, "a")])
    before = table.items()
    task = publish(table, [*items(2), *items(2, "b")])
    roll_back(staged, task["run_id"])
    assert table.items() == before


def two_tables_in_one_run(staged: StagedEngine) -> tuple[list[StagedTable], UUID]:
    tables = [StagedTable(staged, name) for name in ("items", "others")]
    for table in tables:
        publish(table, items(1))
    first = tables[0].stage(items(2))
    second = tables[1].stage(items(2), run=first.run_id)
    for message in (first, second):
        assert staged.deliver(message)["status"] == "success"
    return tables, first.run_id


def test_a_whole_run_is_taken_back_in_one_go(staged: StagedEngine) -> None:
    tables, run = two_tables_in_one_run(staged)
    assert [row["table_name"] for row in roll_back(staged, run)] == ["items", "others"]
    assert [table.items() for table in tables] == [items(1)] * 2
    assert staged.audit(run)[-3:] == ["table_rolled_back", "table_rolled_back", "run_rolled_back"]
    check_invariants(staged)


def test_a_table_of_a_run_is_taken_back_alone_and_the_rest_afterwards(staged: StagedEngine) -> None:
    tables, run = two_tables_in_one_run(staged)
    roll_back(staged, run, "public.others")
    assert [table.items() for table in tables] == [items(2), items(1)]
    with pytest.raises(StoreRefused, match=r"taken back already: public\.others by operator"):
        roll_back(staged, run, "public.others", "public.items")
    roll_back(staged, run)
    assert [table.items() for table in tables] == [items(1)] * 2


def test_one_table_in_the_way_keeps_the_whole_run(staged: StagedEngine) -> None:
    tables, run = two_tables_in_one_run(staged)
    later = publish(tables[1], items(3))["run_id"]
    with pytest.raises(StoreRefused, match=f"of public.others by run {later}. Take the later runs back first"):
        roll_back(staged, run)
    assert [table.items() for table in tables] == [items(2), items(3)]


def test_a_run_that_has_not_ended_is_not_taken_back_as_a_whole(staged: StagedEngine) -> None:
    tables, run = two_tables_in_one_run(staged)
    third = StagedTable(staged, "third")
    open_task = third.stage(items(1), run=run)
    with pytest.raises(StoreRefused, match=r"has not ended: public\.third is running"):
        roll_back(staged, run)
    roll_back(staged, run, "public.items", "public.others")
    assert [table.items() for table in tables] == [items(1)] * 2
    assert staged.deliver(open_task)["status"] == "success"


@pytest.mark.parametrize("tables", [(), ("public.items",), ("public.others", "public.items")])
def test_what_has_not_been_published_cannot_be_taken_back(staged: StagedEngine, tables: tuple[str, ...]) -> None:
    table = StagedTable(staged, "others")
    task = publish(table, items(1))
    unchanged = publish(table, items(1))
    with pytest.raises(StoreRefused, match="has published no rows"):
        roll_back(staged, unchanged["run_id"] if "public.others" not in tables else task["run_id"], *tables)
    assert table.items() == items(1)


def test_it_needs_read_committed(staged: StagedEngine) -> None:
    task = publish(StagedTable(staged), items(1))
    with (
        pytest.raises(StoreRefused, match="isolation level repeatable read"),
        staged.store.transaction(isolation="repeatable read") as session,
    ):
        session.run("SELECT refresh.roll_back(:run)", run=task["run_id"])


def cleaned_up(staged: StagedEngine, arguments: str) -> int:
    """How many publishes the cleanup has thrown away."""
    (row,) = staged.sql(f"SELECT refresh.cleanup({arguments}) -> 'publishes' AS publishes")
    return int(row["publishes"])


def kept(staged: StagedEngine) -> int:
    (row,) = staged.sql(
        "SELECT count(*) AS kept FROM refresh.refresh_publish WHERE expired_at IS NULL AND rolled_back_at IS NULL"
    )
    assert row["kept"] >= len(undo_tables(staged))
    return int(row["kept"])


def test_what_was_overwritten_is_thrown_away_by_age(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    runs = [publish(table, items(version))["run_id"] for version in range(1, 4)]
    assert cleaned_up(staged, "as_of => now() + interval '29 days'") == 0
    staged.sql("UPDATE refresh.refresh_publish SET published_at = now() - interval '2 days' WHERE was_empty")
    assert cleaned_up(staged, "undo_days => 1") == 1
    assert kept(staged) == 2
    assert cleaned_up(staged, "as_of => now() + interval '31 days'") == 2
    assert (kept(staged), undo_tables(staged)) == (0, [])
    with pytest.raises(StoreRefused, match="no longer kept"):
        roll_back(staged, runs[-1])


def test_what_was_overwritten_is_thrown_away_by_size_the_oldest_first(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    runs = [publish(table, items(version))["run_id"] for version in range(1, 6)]
    sizes = [
        row["undo_bytes"]
        for row in staged.sql("SELECT undo_bytes FROM refresh.refresh_publish ORDER BY publish_id DESC")
    ]
    assert cleaned_up(staged, f"undo_bytes => {sizes[0] + sizes[1]}") == 3
    for run in reversed(runs[3:]):
        roll_back(staged, run)
    assert table.items() == items(3)


def test_a_table_that_is_to_keep_fewer_gives_the_others_up(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    for version in range(1, 5):
        publish(table, items(version))
    staged.sql("UPDATE refresh.refresh_table_registry SET rollback_publishes = 1 WHERE table_name = 'items'")
    assert cleaned_up(staged, "") == 3
    with pytest.raises(StoreRefused, match="rollback_publishes is 1001"):
        staged.sql("UPDATE refresh.refresh_table_registry SET rollback_publishes = 1001 WHERE table_name = 'items'")


def test_while_a_publish_is_under_way_its_table_is_left_for_the_next_cleanup(staged: StagedEngine) -> None:
    table = StagedTable(staged)
    publish(table, items(1))
    publish(table, items(2))
    with staged.store.transaction() as session:
        session.run("SELECT FROM refresh.refresh_table_registry WHERE table_name = 'items' FOR NO KEY UPDATE")
        (row,) = staged.sql("SELECT refresh.cleanup(as_of => now() + interval '31 days') AS removed")
    assert (row["removed"]["publishes"], row["removed"]["publishes_deferred"]) == (0, 2)
    assert kept(staged) == 2
