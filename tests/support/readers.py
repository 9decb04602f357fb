"""Readers of two tables that look at them without pause, and what each of them may have seen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

from shared.adapters.postgres import PostgresStore
from shared.ports import Session
from tests.support.engine import Engine
from tests.support.waiting import wait_for

Versions = tuple[int, int]
"""The data versions of both tables, as the registry has them."""
Content = tuple[str, str, str]
"""Checksums of both tables and of their join."""

_CHECKSUM = "count(*) || ' rows, ' || coalesce(sum(hashtextextended({row}::text, 0)::numeric), 0)"
_PUBLISHED_ONCE = "READ COMMITTED"
_SNAPSHOT = "REPEATABLE READ"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one statement, or one transaction, saw."""

    versions: Versions
    content: Content


class TwoTables:
    """Two tables that are read together, joined on `join`."""

    def __init__(self, engine: Engine, first: str, second: str, *, join: str) -> None:
        self.engine = engine
        self._versions = ", ".join(
            "(SELECT data_version FROM refresh.refresh_table_registry"
            f" WHERE table_schema || '.' || table_name = '{table}') AS version_{n}"
            for n, table in enumerate((first, second))
        )
        self._content = ", ".join(
            [
                f"(SELECT {_CHECKSUM.format(row='a')} FROM {first} a) AS first",
                f"(SELECT {_CHECKSUM.format(row='b')} FROM {second} b) AS second",
                f"(SELECT {_CHECKSUM.format(row='(a, b)')} FROM {first} a JOIN {second} b USING ({join})) AS joined",
            ]
        )
        self.published: dict[Versions, Content] = {}

    def publish_is_over(self) -> None:
        """Remember what the tables hold now as a published version."""
        with self.engine.store.transaction() as session:
            seen = self.read_at_once(session)
        self.published[seen.versions] = seen.content

    def read_at_once(self, session: Session) -> Seen:
        """Versions and content by one statement."""
        (row,) = session.run(f"SELECT {self._versions}, {self._content}")
        return Seen(versions=(row["version_0"], row["version_1"]), content=(row["first"], row["second"], row["joined"]))

    def read_versions(self, session: Session) -> Versions:
        """Versions alone: in a transaction this fixes its snapshot, before it touches the tables."""
        (row,) = session.run(f"SELECT {self._versions}")
        return row["version_0"], row["version_1"]

    def read_content(self, session: Session) -> Content:
        """Content alone."""
        (row,) = session.run(f"SELECT {self._content}")
        return row["first"], row["second"], row["joined"]


class Reader(Thread):
    """Reads again and again on a connection of its own."""

    def __init__(self, tables: TwoTables, isolation: str) -> None:
        super().__init__(daemon=True, name=f"reader at {isolation}")
        self.seen: set[Seen] = set()
        self.rounds = 0
        self.longest = 0.0
        """Seconds that its slowest round took."""
        self._tables = tables
        self._isolation = isolation
        self._finished = Event()

    def run(self) -> None:
        store = PostgresStore(self._tables.engine.database_url)
        while not self._finished.is_set():
            begun = time.monotonic()
            with store.transaction(isolation=self._isolation, lock_timeout=60.0) as session:
                self.seen |= self._look(session)
            self.longest = max(self.longest, time.monotonic() - begun)
            self.rounds += 1
        store.close()

    def _look(self, session: Session) -> set[Seen]:
        if self._isolation == _PUBLISHED_ONCE:
            return {self._tables.read_at_once(session)}
        versions = self._tables.read_versions(session)
        return {Seen(versions=versions, content=self._tables.read_content(session)) for _ in range(2)}

    def finish(self) -> None:
        """Stop it, and wait for its end."""
        self._finished.set()
        self.join(60)
        assert not self.is_alive(), f"a {self.name} hangs"


class Audience:
    """Readers at both isolation levels."""

    def __init__(self, tables: TwoTables, readers: Sequence[Reader]) -> None:
        self._tables = tables
        self._readers = readers

    def has_looked(self) -> None:
        """Wait until every reader has read from beginning to end since now: none of them waits for a lock."""
        before = [reader.rounds for reader in self._readers]
        wait_for(
            lambda: all(reader.rounds >= begun + 2 for reader, begun in zip(self._readers, before, strict=True)),
            "every reader to read on while a publish is under way",
        )

    def waits(self) -> None:
        """Wait until every reader waits for a lock."""
        waiting = (
            "SELECT count(*) AS readers FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        wait_for(
            lambda: self._tables.engine.sql(waiting)[0]["readers"] == len(self._readers),
            "every reader to wait for a lock",
        )

    def torn(self) -> set[Seen]:
        """What was read that never was a published version."""
        seen = set().union(*(reader.seen for reader in self._readers))
        return {one for one in seen if self._tables.published.get(one.versions) != one.content}

    def versions(self) -> set[Versions]:
        """The versions that somebody has read."""
        return {one.versions for reader in self._readers for one in reader.seen}

    def report(self) -> str:
        """How often was read, and how long the slowest round took."""
        rounds, longest = sum(one.rounds for one in self._readers), max(one.longest for one in self._readers)
        return f"{rounds} reads by {len(self._readers)} readers, the slowest {longest * 1000:.0f} ms"


@contextmanager
def audience(tables: TwoTables, *, of_each: int = 2) -> Iterator[Audience]:
    """Readers that read until the block ends."""
    readers = [Reader(tables, isolation) for isolation in (_PUBLISHED_ONCE, _SNAPSHOT) for _ in range(of_each)]
    for reader in readers:
        reader.start()
    try:
        yield Audience(tables, readers)
    finally:
        for reader in readers:
            reader.finish()
