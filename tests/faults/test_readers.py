"""Readers at READ COMMITTED and at REPEATABLE READ see one published version, whatever a publish does meanwhile.

Each publish stands still at its steps until every reader has read on, so that no version is missed by luck.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from infra.local.postgres import Postgres
from shared.refresh.merge import Merge, Written
from shared.refresh.undo import Change
from tests.conftest import BigQueryEnv
from tests.support.aftermath import fresh_engine
from tests.support.invariants import check_invariants
from tests.support.orders import Orders
from tests.support.readers import Audience, TwoTables, audience
from tests.support.staged import Item, StagedEngine, StagedTable

INSIDE = ["publish_fenced", "publish_locked", "publish_merged", "publish_recorded"]
PARTS = "abcd"


@pytest.fixture
def engine(migrated_url: str) -> Iterator[StagedEngine]:
    engine = StagedEngine(migrated_url)
    yield engine
    engine.close()


class Library:
    """Two tables of items, joined by part: the one under test and another that is published now and then."""

    def __init__(self, engine: StagedEngine, *, keyed: bool = True) -> None:
        self.engine = engine
        self.items = StagedTable(engine, "items", keyed=keyed)
        self.others = StagedTable(engine, "others")
        self.tables = TwoTables(engine, self.items.table, self.others.table, join="part")
        self.publish(self.others, items(1))

    def publish(self, table: StagedTable, rows: list[Item], *, vanished: str = "") -> None:
        task = self.engine.deliver(table.stage(rows, vanished=list(vanished)))
        assert (task["status"], task["error"]) == ("success", None)
        self.tables.publish_is_over()

    def watched(self, readers: Audience) -> None:
        """From now on every publish lets the readers look at each of its steps."""
        self.engine.steps.actions = dict.fromkeys(INSIDE, readers.has_looked)


def items(version: int, parts: str = PARTS, *, each: int = 20) -> list[Item]:
    """Rows of which every second one says the version."""
    return [
        (100 * (1 + PARTS.index(part)) + n, part, f"version {version}" if n % 2 else "same")
        for part in parts
        for n in range(each)
    ]


def merges(library: Library) -> None:
    library.publish(library.items, items(1))
    library.publish(library.items, items(2))
    library.publish(library.items, items(3, "bc"))
    library.publish(library.others, items(2, each=12))
    library.publish(library.items, items(4, each=10))


def first_load(library: Library) -> None:
    library.publish(library.items, items(1))


def vanished_scopes(library: Library) -> None:
    library.publish(library.items, items(1))
    library.publish(library.items, items(2, "ab"), vanished="d")
    library.publish(library.items, [], vanished="c")
    library.publish(library.items, items(3, "cd"))


def moving_rows(library: Library) -> None:
    library.publish(library.items, items(1))
    moved = [(key, "b" if part == "a" else "a", text) for key, part, text in items(1, "ab")]
    library.publish(library.items, moved)


@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without a key"])
@pytest.mark.parametrize("story", [merges, first_load, vanished_scopes, moving_rows])
def test_every_read_sees_one_published_version(
    engine: StagedEngine, story: Callable[[Library], None], keyed: bool
) -> None:
    library = Library(engine, keyed=keyed)
    with audience(library.tables) as readers:
        readers.has_looked()
        library.watched(readers)
        with engine.store.transaction(isolation="repeatable read") as long_read:
            versions = library.tables.read_versions(long_read)
            story(library)
            assert library.tables.read_content(long_read) == library.tables.published[versions]
        readers.has_looked()
    assert readers.torn() == set()
    assert readers.versions() == set(library.tables.published)
    print(readers.report())
    check_invariants(engine)


def test_a_first_load_out_of_bigquery_is_seen_whole_or_not_at_all(
    postgres: Postgres, migrated_template: str, bigquery_env: BigQueryEnv
) -> None:
    with fresh_engine(postgres, migrated_template, bigquery_env) as engine:
        orders = Orders(engine)
        orders.days(1, 5)
        engine.sql(
            "CREATE TABLE public.customers AS SELECT 'customer ' || n AS customer FROM generate_series(0, 3) AS n"
        )
        engine.register("public.customers", "customers")
        tables = TwoTables(engine, "public.orders", "public.customers", join="customer")
        tables.publish_is_over()
        small = engine.another(chunk_rows=5)
        with audience(tables) as readers:
            readers.has_looked()
            small.steps.actions = dict.fromkeys([*INSIDE, "fill_copied", "chunk_committed"], readers.has_looked)
            assert small.refresh("public.orders")["status"] == "success"
            tables.publish_is_over()
            readers.has_looked()
        small.close()
        assert readers.torn() == set()
        assert readers.versions() == {(0, 0), (1, 0)}
        assert orders.target() == orders.source()


def test_a_transaction_that_began_before_a_publish_sees_the_version_before_it(engine: StagedEngine) -> None:
    library = Library(engine)
    library.publish(library.items, items(1))
    with engine.store.transaction(isolation="repeatable read") as long_read:
        versions = library.tables.read_versions(long_read)
        library.publish(library.items, items(2))
        assert library.tables.read_content(long_read) == library.tables.published[versions]


def test_truncating_and_inserting_would_tear_readers(engine: StagedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def truncate_and_insert(merge: Merge) -> Written:
        merge._execute("TRUNCATE {target}")
        return Written(inserted=merge._count("fill_empty", Change.INSERTED))

    library = Library(engine)
    library.publish(library.items, items(1))
    monkeypatch.setattr(Merge, "run", truncate_and_insert)
    with audience(library.tables) as readers:
        readers.has_looked()
        engine.steps.actions = {"publish_merged": readers.waits}
        library.publish(library.items, items(2))
        readers.has_looked()
    assert {one.content[0] for one in readers.torn()} == {"0 rows, 0"}
