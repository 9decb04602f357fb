"""A rollback beside readers, beside publishes and other rollbacks, and one whose client dies in the middle of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from threading import Thread
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.errors import LockTimeout, StoreRefused
from tests.support.invariants import check_invariants
from tests.support.publishes import image, roll_back, undo_tables
from tests.support.readers import TwoTables, audience
from tests.support.staged import Item, StagedEngine, StagedTable
from tests.support.waiting import wait_for

PARTS = "abcd"
_ROLLS_BACK = """
import sys
from shared.adapters.postgres import PostgresStore
with PostgresStore(sys.argv[1]).transaction() as session:
    session.run("SELECT refresh.roll_back(:run)", run=sys.argv[2])
    print("taken back, not committed", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def engine(migrated_url: str) -> Iterator[StagedEngine]:
    engine = StagedEngine(migrated_url)
    yield engine
    engine.close()


def items(version: int, parts: str = PARTS, each: int = 20) -> list[Item]:
    return [
        (100 * (1 + PARTS.index(part)) + n, part, f"version {version}" if n % 2 else "same")
        for part in parts
        for n in range(each)
    ]


def publish(table: StagedTable, rows: list[Item], *, vanished: str = "", run: UUID | None = None) -> UUID:
    task = table.engine.deliver(table.stage(rows, vanished=list(vanished), run=run))
    assert (task["status"], task["error"]) == ("success", None)
    return UUID(str(task["run_id"]))


def a_summary(engine: StagedEngine, of: str) -> str:
    """A registered materialized view over the table."""
    engine.sql(
        "CREATE MATERIALIZED VIEW public.summary AS"
        f" SELECT part, count(*) AS n, max(text) AS newest FROM {of} GROUP BY 1;"
        "CREATE UNIQUE INDEX ON public.summary (part);"
        "SELECT refresh.register_table('public', 'summary', handler => 'summaries', depends_on => "
        f"""'{{"{of}": "hard"}}');"""
        "SELECT refresh.refresh_view('public', 'summary')"
    )
    return "public.summary"


@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without a key"])
def test_readers_see_one_version_of_all_the_tables_of_a_run(engine: StagedEngine, keyed: bool) -> None:
    tables = [StagedTable(engine, name, keyed=keyed) for name in ("items", "others")]
    both = TwoTables(engine, tables[0].table, tables[1].table, join="part")
    for table in tables:
        publish(table, items(1))
    run = publish(tables[0], items(2, "abc", each=15), vanished="d")
    publish(tables[1], items(2, "bc"), run=run)
    both.publish_is_over()
    with audience(both) as readers:
        readers.has_looked()
        with engine.store.transaction() as session:
            session.run("SELECT refresh.roll_back(:run)", run=run)
            readers.has_looked()
        both.publish_is_over()
        readers.has_looked()
    assert readers.torn() == set()
    assert readers.versions() == set(both.published)
    assert [table.items() for table in tables] == [items(1)] * 2
    check_invariants(engine)


def test_readers_see_a_table_and_the_view_over_it_go_back_together(engine: StagedEngine) -> None:
    table = StagedTable(engine)
    publish(table, items(1))
    view = a_summary(engine, table.table)
    before = image(engine, view)
    run = publish(table, items(2, each=12))
    engine.sql("SELECT refresh.refresh_view('public', 'summary')")
    both = TwoTables(engine, table.table, view, join="part")
    both.publish_is_over()
    with audience(both) as readers:
        readers.has_looked()
        with engine.store.transaction() as session:
            session.run("SELECT refresh.roll_back(:run)", run=run)
            readers.has_looked()
        both.publish_is_over()
        readers.has_looked()
    assert readers.torn() == set()
    assert readers.versions() == set(both.published)
    assert image(engine, view) == before
    assert table.items() == items(1)


def test_a_transaction_that_began_before_sees_the_version_before(engine: StagedEngine) -> None:
    table = StagedTable(engine)
    publish(table, items(1))
    run = publish(table, items(2))
    with engine.store.transaction(isolation="repeatable read") as long_read:
        long_read.run("SELECT 1")
        roll_back(engine, run)
        seen = long_read.run(f"SELECT count(*) AS n FROM {table.table} WHERE text = 'version 2'")
    assert seen == [{"n": 40}]


def test_killed_in_the_middle_it_has_changed_nothing(engine: StagedEngine) -> None:
    table = StagedTable(engine)
    publish(table, items(1))
    before = image(engine, table.table)
    run = publish(table, items(2, "ab"), vanished="c")
    after = image(engine, table.table)
    with subprocess.Popen(
        [sys.executable, "-c", _ROLLS_BACK, engine.database_url, str(run)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken back, not committed\n"
        assert image(engine, table.table) == after
        os.kill(process.pid, signal.SIGKILL)
    others = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
        " AND pid <> pg_backend_pid()"
    )
    wait_for(lambda: engine.sql(others) == [], "the server to notice")
    assert image(engine, table.table) == after
    assert len(undo_tables(engine)) == 1
    roll_back(engine, run)
    assert image(engine, table.table) == before
    check_invariants(engine)


def test_of_two_at_once_one_takes_it_back_and_the_other_is_told(engine: StagedEngine) -> None:
    table = StagedTable(engine)
    publish(table, items(1))
    run = publish(table, items(2))
    told: list[str] = []

    def second() -> None:
        with pytest.raises(StoreRefused) as refused:
            roll_back(other, run)
        told.append(str(refused.value))

    other = StagedEngine(engine.database_url)
    thread = Thread(target=second)
    with engine.store.transaction() as session:
        session.run("SELECT refresh.roll_back(:run)", run=run)
        thread.start()
        waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_for(lambda: session.run("SELECT pg_stat_clear_snapshot()") and session.run(waiting), "the second to wait")
    thread.join(60)
    other.close()
    assert len(told) == 1
    assert "was taken back already" in told[0]
    assert table.items() == items(1)
    check_invariants(engine)


def test_while_a_publish_is_under_way_it_gives_up_and_the_publish_goes_on(engine: StagedEngine) -> None:
    table = StagedTable(engine)
    publish(table, items(1))
    run = publish(table, items(2))

    def gives_up() -> None:
        engine.steps.actions.clear()
        with pytest.raises(LockTimeout):
            roll_back(engine, run)

    engine.steps.actions = {"publish_merged": gives_up}
    publish(table, items(3))
    assert table.items() == items(3)
    with pytest.raises(StoreRefused, match="published later"):
        roll_back(engine, run)


def test_a_publish_that_waits_for_it_finds_what_it_left(engine: StagedEngine) -> None:
    table = StagedTable(engine)
    publish(table, items(1))
    run = publish(table, items(2))
    same = table.stage(items(2))
    other = StagedEngine(engine.database_url)
    thread = Thread(target=other.deliver, args=(same,))
    with engine.store.transaction() as session:
        session.run("SELECT refresh.roll_back(:run)", run=run)
        thread.start()
        waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        wait_for(lambda: session.run("SELECT pg_stat_clear_snapshot()") and session.run(waiting), "the publish to wait")
    thread.join(60)
    other.close()
    task = engine.state(same)
    assert (task["status"], task["reason"]) == ("held", "rolled_back")
    assert table.items() == items(1)
    check_invariants(engine)


TEXTS = st.sampled_from(["", "same", "other", "long " * 400])
ROWS = st.dictionaries(st.integers(0, 15), st.tuples(st.sampled_from("abc"), TEXTS), max_size=16)


@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without a key"])
@pytest.mark.parametrize("strategy", ["merge", "append", "replace"])
def test_whatever_was_published_is_taken_back_to_the_byte(engine: StagedEngine, keyed: bool, strategy: str) -> None:
    if strategy == "append" and not keyed:
        pytest.skip("append needs a key")
    tables = iter(range(1000))

    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(ROWS, min_size=1, max_size=4))
    def run(versions: list[dict[int, tuple[str, str]]]) -> None:
        scope = {} if strategy == "merge" else {"scope_column": None}
        table = StagedTable(
            engine, f"t{next(tables)}", keyed=keyed, strategy=strategy, checks='{"table_min_ratio": 0}', **scope
        )
        engine.sql(f"ALTER TABLE {table.table} ADD noted timestamptz DEFAULT clock_timestamp()")
        history: list[tuple[UUID, tuple[int, str]]] = []
        for version in versions:
            rows = [(key, part, text) for key, (part, text) in version.items()]
            rows += [] if keyed else rows[: len(rows) // 2]
            before = image(engine, table.table)
            present = {part for _, part, _ in rows}
            gone = sorted({part for _, part, _ in table.items()} - present) if strategy == "merge" else []
            task = engine.deliver(table.stage(rows, vanished=gone))
            assert task["status"] in ("success", "warning", "no_new_data", "held"), task["error"]
            if image(engine, table.table) != before:
                history.append((UUID(str(task["run_id"])), before))
        for run_id, before in reversed(history):
            roll_back(engine, run_id)
            assert image(engine, table.table) == before

    run()
