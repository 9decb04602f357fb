"""A source that changes in every way between its snapshots, and tables that any of them can be published into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from shared.domain.messages import TableMessage
from tests.support.engine import Engine
from tests.support.orders import COLUMNS, Orders
from tests.support.rehearsal import RecordedSource

BASE, OLDER, DAILY, MANUAL, EMPTY = range(5)
"""The snapshots: what was published before, those of three runs, and a source that lost everything."""
_GONE = None
_DAYS: dict[int, tuple[int | None, int | None, int | None, int | None]] = {
    1: (1, 1, 1, 1),
    2: (1, 2, 3, 4),
    3: (1, 2, 1, 1),
    4: (1, 1, 2, 1),
    5: (1, 1, _GONE, _GONE),
    6: (_GONE, _GONE, 1, 1),
    7: (1, _GONE, 1, 1),
    8: (_GONE, 1, _GONE, _GONE),
    9: (_GONE, 1, _GONE, 2),
    10: (1, 1, 1, 1),
    11: (1, 1, 1, 1),
}
"""For each day of January what its rows say at each snapshot, or that there are none."""
_ROWS_A_DAY = 3
_TRAVELLER = (9_000, (10, 11, 10, 11))
"""The id of a row that moves from one day to another, and its day at each snapshot."""

Row = tuple[int, str | None, str, str]


class History:
    """The source `orders` and its snapshots; the tables of `table()` all have it as theirs."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._source = Orders(engine)
        self._tables = 0
        self._published: dict[bool, str] = {}
        engine.sql("CREATE SCHEMA saved")
        engine.sql("CREATE TABLE saved.state (LIKE refresh.refresh_partition_state)")
        self.snapshots: list[datetime] = []
        for number in (BASE, OLDER, DAILY, MANUAL):
            engine.bigquery("DELETE FROM `{d}.orders` WHERE true")
            self._source.insert(*_rows(number))
            assert self._source.source() == self.content(number)
            self.snapshots.append(engine.source.now())
        engine.bigquery("DELETE FROM `{d}.orders` WHERE true")
        self.snapshots.append(engine.source.now())
        engine.source = RecordedSource(engine.source)

    def content(self, number: int) -> Counter[tuple[Any, ...]]:
        """The source's rows at a snapshot."""
        return Counter(
            (key, day and date.fromisoformat(day), text, Decimal(amount)) for key, day, text, amount in _rows(number)
        )

    def table(self, *, published: bool, keyed: bool = True, **registration: Any) -> str:
        """A new table; `published`: it holds the base snapshot, as a run has published it."""
        self._tables += 1
        name = f"public.orders_{self._tables}"
        key = ", PRIMARY KEY (id)" if keyed else ""
        self.engine.sql(f"CREATE TABLE {name} (id bigint, day date, customer text, amount numeric{key})")
        columns = {"key_columns": ["id"] if keyed else [], "scope_column": "day"} | registration
        self.engine.register(name, "orders", **columns)
        if published and keyed not in self._published:
            self._publish_base(name)
            self._published[keyed] = name
        elif published:
            self._copy(self._published[keyed], name)
        return name

    def _publish_base(self, name: str) -> None:
        assert self.engine.deliver(self.run(name, BASE))["status"] == "success"
        self.engine.sql(f"CREATE TABLE IF NOT EXISTS saved.base AS TABLE {name}")
        self.engine.sql(
            "INSERT INTO saved.state SELECT * FROM refresh.refresh_partition_state WHERE table_name = :name",
            name=name.split(".")[1],
        )

    def _copy(self, published: str, name: str) -> None:
        """What the publish of the base snapshot has left for a table like this one."""
        columns = "scope, fingerprint, definition_hash, snapshot_at, rows, run_id"
        names = {"like": published.split(".")[1], "name": name.split(".")[1]}
        with self.engine.store.transaction() as session:
            session.run(f"INSERT INTO {name} SELECT * FROM saved.base")
            session.run(
                f"INSERT INTO refresh.refresh_partition_state (table_schema, table_name, {columns})"
                f" SELECT table_schema, :name, {columns} FROM saved.state WHERE table_name = :like",
                **names,
            )
            session.run(
                "UPDATE refresh.refresh_table_registry SET scanned_snapshot_at = :snapshot WHERE table_name = :name",
                snapshot=self.snapshots[BASE],
                name=names["name"],
            )

    def run(self, table: str, number: int) -> TableMessage:
        """A run's task for the table, at the snapshot."""
        return self.engine.task(table, snapshot_at=self.snapshots[number])

    def held_by(self, table: str) -> Counter[tuple[Any, ...]]:
        """What the table holds."""
        return Counter(tuple(row.values()) for row in self.engine.sql(f"SELECT {COLUMNS} FROM {table}"))


def _rows(number: int) -> list[Row]:
    return [*_undated(number), *_dated(number), _traveller(number)]


def _dated(number: int) -> Iterable[Row]:
    for day, contents in _DAYS.items():
        content = contents[number]
        for n in range(_ROWS_A_DAY if content is not None else 0):
            yield (day * 100 + n, _day(day), f"customer {n}", f"{content}.5" if n == 0 else "7")


def _undated(number: int) -> Iterable[Row]:
    yield (1, None, "undated", str(max(number, DAILY)))


def _traveller(number: int) -> Row:
    key, days = _TRAVELLER
    return (key, _day(days[number]), "traveller", "5")


def _day(day: int) -> str:
    return f"2025-01-{day:02}"
