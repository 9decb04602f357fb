"""Random sequences of source changes, runs and rollbacks against a model of what the table must be after each.

Everything is real but BigQuery. The sequences are the same every time; a failing one is printed step by step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from typing import cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from shared.domain.errors import StoreRefused
from shared.domain.ids import TableName
from shared.ports import Source
from shared.refresh.define import define
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.item_source import ItemSource, Version
from tests.support.publishes import roll_back
from tests.support.staged import Item
from tests.support.table_model import Publish, TableModel

KEEPS = 3
EXAMPLES = 10
SOURCES = st.dictionaries(
    st.integers(0, 6), st.tuples(st.sampled_from("abc"), st.sampled_from(["one", "two"])), min_size=2, max_size=7
).map(lambda items: frozenset((key, part, text) for key, (part, text) in items.items()))
BACK = st.sampled_from([0, 0, 0, 1, 2])


class Table:
    """A table, its source and its model; every step changes all of them, and compares."""

    def __init__(self, engine: Engine, name: str, *, keyed: bool) -> None:
        self.engine = engine
        self.table = f"public.{name}"
        self.source = ItemSource()
        engine.source = cast(Source, self.source)
        key = ", PRIMARY KEY (id)" if keyed else ""
        engine.sql(f"CREATE TABLE {self.table} (id bigint, part text, text text{key})")
        engine.register(
            self.table,
            name,
            key_columns=["id"] if keyed else [],
            scope_column="part",
            checks='{"table_min_ratio": 0}',
            rollback_publishes=KEEPS,
        )
        self.source.definition = define(engine.runtime, TableName.parse(self.table), {})
        self.model = TableModel(keyed=keyed, keeps=KEEPS)
        self.snapshots: list[datetime] = []
        self.runs: dict[int, UUID] = {}

    def night(self, items: Version) -> None:
        """The source has changed, and a run comes."""
        self.source.change(items)
        self.run(force=False)

    def run(self, *, force: bool) -> None:
        self.snapshots.append(self.source.now())
        self._refresh(len(self.snapshots) - 1, force=force)

    def former_source(self, back: int) -> None:
        """The source is again what it was, and a run comes."""
        if self.snapshots:
            self.night(self.source.as_of(self.snapshots[max(0, len(self.snapshots) - 2 - back)]))

    def older_run(self, back: int) -> None:
        """A run comes that took its snapshot long ago."""
        if self.snapshots:
            self._refresh(max(0, len(self.snapshots) - 2 - back), force=False)

    def rollback(self, back: int) -> None:
        """One of the last publishes is taken back, or it is said why not."""
        if not self.model.publishes:
            return
        publish = self.model.publishes[max(0, len(self.model.publishes) - 1 - back)]
        if publish.state == "kept" and not self.model.in_the_way(publish):
            roll_back(self.engine, self.runs[publish.run])
            self.model.roll_back(publish)
        else:
            self._is_refused(publish)
        self._compare()

    def rollback_of_all(self) -> None:
        for publish in reversed(self.model.publishes):
            if publish.state == "kept":
                roll_back(self.engine, self.runs[publish.run])
                self.model.roll_back(publish)
                self._compare()

    def _refresh(self, snapshot: int, *, force: bool) -> None:
        moment = self.snapshots[snapshot]
        message = self.engine.task(self.table, snapshot_at=moment, force=force)
        task = self.engine.deliver(message)
        expected = self.model.refresh(self.source.as_of(moment), snapshot, force=force)
        self.runs[self.model.runs] = message.run_id
        assert (task["status"], task["reason"]) == expected, task["error"]
        self._compare()

    def _is_refused(self, publish: Publish) -> None:
        with pytest.raises(StoreRefused) as refused:
            roll_back(self.engine, self.runs[publish.run])
        message = str(refused.value)
        if publish.state != "kept":
            assert {"rolled_back": "taken back already", "expired": "no longer kept"}[publish.state] in message
            return
        named = [message.index(str(self.runs[run])) for run in self.model.in_the_way(publish)]
        assert named == sorted(named)

    def _compare(self) -> None:
        rows = self.engine.sql(f"SELECT id, part, text FROM {self.table}")
        assert Counter(cast(Item, tuple(row.values())) for row in rows) == self.model.rows
        states = self.engine.sql(
            "SELECT CASE WHEN rolled_back_at IS NOT NULL THEN 'rolled_back' WHEN expired_at IS NOT NULL THEN 'expired'"
            " ELSE 'kept' END AS state FROM refresh.refresh_publish WHERE table_name = :name ORDER BY publish_id",
            name=self.table.split(".")[1],
        )
        assert [row["state"] for row in states] == [one.state for one in self.model.publishes]


Step = tuple[str, Callable[[Table], None]]
"""A step and its name, by which it is printed."""


def night(items: Version) -> Step:
    return f"night {sorted(items)}", lambda table: table.night(items)


def numbered(what: str, back: int) -> Step:
    return f"{what} {back}", lambda table: getattr(table, what)(back)


STEPS = st.one_of(
    st.builds(night, SOURCES),
    st.builds(night, SOURCES),
    st.builds(numbered, st.just("rollback"), BACK),
    st.builds(numbered, st.just("rollback"), BACK),
    st.builds(numbered, st.just("former_source"), BACK),
    st.builds(numbered, st.just("older_run"), BACK),
    st.just(cast(Step, ("run", lambda table: table.run(force=False)))),
    st.just(cast(Step, ("run with force", lambda table: table.run(force=True)))),
    st.just(cast(Step, ("rollback of all", Table.rollback_of_all))),
)


@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "without a key"])
def test_the_table_is_what_the_model_says(migrated_url: str, keyed: bool) -> None:
    engine = Engine(migrated_url, cast(Source, ItemSource()), "p.d", None)
    numbers = count()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(STEPS, min_size=12, max_size=16))
    def live_through(steps: Sequence[Step]) -> None:
        table = Table(engine, f"model_{next(numbers)}", keyed=keyed)
        for what, step in steps:
            note(what)
            step(table)

    live_through()
    check_invariants(engine)
    engine.close()
