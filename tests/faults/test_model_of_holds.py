"""Random sequences of source changes, runs, rollbacks, releases and refusals of a table whose deliveries are held.

Everything is real but BigQuery. The sequences are the same every time; a failing one is printed step by step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import count
from typing import cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from shared.domain.errors import StoreRefused
from shared.domain.ids import TableName
from shared.planning.refusals import DECIDED
from shared.ports import Source
from shared.refresh.define import define
from tests.support.decisions import asks_to_release, refuse
from tests.support.engine import Engine
from tests.support.followed_table import FollowedTable, Held
from tests.support.invariants import check_invariants
from tests.support.item_source import ItemSource, Version
from tests.support.publishes import roll_back

KEEPS = 3
EXAMPLES = 8
NOT_HELD, SUPERSEDED, RELEASED, REFUSED = "RF001", "RF002", "RF006", "RF007"
KEYS = range(8)
SOURCES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["one", "two"])), min_size=len(KEYS), max_size=len(KEYS)
).map(lambda items: frozenset((key, part, text) for key, (part, text) in zip(KEYS, items, strict=True)))
KEPT = st.sets(st.sampled_from(KEYS), max_size=6)
BACK = st.sampled_from([0, 0, 0, 1, 2])
TABLES = {
    "the table's rows, with a key": ('{"table_min_ratio": 0.5}', True),
    "deletions, without a key": ('{"table_min_ratio": 0, "max_deleted_share": 0.4}', False),
    "each scope's rows, with a key": ('{"table_min_ratio": 0, "scope_min_ratio": 0.7}', True),
}
"""Checks of the table, and whether it has a key."""


class Table:
    """A table and its source; every step changes them, and asserts what must hold then."""

    def __init__(self, engine: Engine, name: str, checks: str, *, keyed: bool, seen: Counter[str]) -> None:
        self.engine = engine
        self.table = f"public.{name}"
        self.source = ItemSource()
        self.seen = seen
        engine.source = cast(Source, self.source)
        key = ", PRIMARY KEY (id)" if keyed else ""
        engine.sql(f"CREATE TABLE {self.table} (id bigint, part text, text text{key})")
        engine.register(
            self.table,
            name,
            key_columns=["id"] if keyed else [],
            scope_column="part",
            checks=checks,
            rollback_publishes=KEEPS,
        )
        self.source.definition = define(engine.runtime, TableName.parse(self.table), {})
        self.followed = FollowedTable(engine=engine, table=self.table, source=self.source, keyed=keyed, keeps=KEEPS)
        self.snapshots: list[datetime] = []
        self.refused: set[UUID] = set()
        self.released: set[UUID] = set()

    def night(self, items: Version) -> None:
        """The source has changed, and a run comes."""
        self.source.change(items)
        self.run(force=False)

    def loss(self, kept: Collection[int]) -> None:
        """The source has lost all but some of its items, and a run comes."""
        self.night(frozenset(one for one in self.source.as_of(self.snapshots[-1]) if one[0] in kept))

    def run(self, *, force: bool) -> None:
        self.snapshots.append(self.source.now())
        self._refresh(self.snapshots[-1], force=force)

    def former_source(self, back: int) -> None:
        """The source is again what it was, and a run comes."""
        self.night(self.source.as_of(self._former(back)))

    def older_run(self, back: int) -> None:
        """A run comes that took its snapshot long ago."""
        self._refresh(self._former(back), force=False)

    def rollback(self, back: int) -> None:
        """One of the last publishes is taken back, or it is said why not, and nothing happens."""
        publishes = self.followed.publishes
        if not publishes:
            return
        publish = publishes[max(0, len(publishes) - 1 - back)]
        newest = not any(one for one in publishes[publishes.index(publish) + 1 :] if not one.taken_back)
        try:
            roll_back(self.engine, publish.run)
        except StoreRefused:
            assert not (publish.kept and newest)
            self.followed.is_as_it_was()
        else:
            assert publish.kept
            self.seen["taken back"] += 1
            self.followed.was_taken_back(publish)

    def release(self, back: int) -> None:
        """What one of the last runs has held is released: just that is published, as it was then."""
        if self.followed.held:
            self._release(self._one_of_the_held(back), None)

    def release_latest(self) -> None:
        """What the latest run has held is released, if it has held anything."""
        self._release(None, self._latest())

    def refuse(self, back: int) -> None:
        """What one of the last runs has held is refused; then it comes again."""
        if not self.followed.held:
            return
        held = self._one_of_the_held(back)
        why_not = self._why_not(held)
        if why_not is not None:
            with pytest.raises(StoreRefused) as caught:
                refuse(self.engine, self.table, run_id=held.run)
            self._is_not_decided(caught.value, why_not)
            return
        undisturbed = self.followed.is_undisturbed_since(held)
        assert refuse(self.engine, self.table, run_id=held.run) == len(held.scopes)
        self.refused.add(held.run)
        self.seen["refused"] += 1
        self.followed.was_refused(held)
        self._comes_again(held, undisturbed=undisturbed)

    def _comes_again(self, held: Held, *, undisturbed: bool) -> None:
        self.source.change(self.source.as_of(held.snapshot))
        self.snapshots.append(self.source.now())
        ended = self._refresh(self.snapshots[-1], force=False)
        if undisturbed:
            assert ended == ("held", "refused")
            self.seen["held again"] += 1

    def _release(self, asked: Held | None, latest: Held | None) -> None:
        held = asked or latest
        why_not = NOT_HELD if held is None else self._why_not(held)
        run = asked.run if asked else None
        if held is None or why_not is not None:
            with pytest.raises(StoreRefused) as caught:
                asks_to_release(self.engine, self.table, run)
            self._is_not_decided(caught.value, why_not)
            return
        undisturbed = self.followed.is_undisturbed_since(held)
        differs = self.followed.differs_from(held)
        message = asks_to_release(self.engine, self.table, run)
        task = self.followed.deliver(message, held.snapshot, force=False, released=held)
        if task["status"] in ("success", "warning", "no_new_data"):
            self.released.add(held.run)
        self.seen["released" if task["status"] == "success" else "released in vain"] += 1
        if undisturbed and held.reason in DECIDED and task["reason"] == "too_many_deleted":
            # What it deletes is counted when it is written: nobody was shown that while it was held as refused.
            self._release(None, self._latest())
        elif undisturbed:
            assert (task["status"], task["reason"]) == ("success" if differs else "no_new_data", None)
            self.followed.is_vouched_for_as(self.source.as_of(held.snapshot))

    def _is_not_decided(self, error: StoreRefused, why_not: str | None) -> None:
        assert error.sqlstate == why_not, error
        self.seen[str(error.sqlstate)] += 1
        self.followed.is_as_it_was()

    def _why_not(self, held: Held) -> str | None:
        """Why nothing is to be decided about it any more."""
        if held.run in self.refused:
            return REFUSED
        if held.run in self.released:
            return RELEASED
        return SUPERSEDED if self.followed.is_superseded(held) else None

    def _one_of_the_held(self, back: int) -> Held:
        return self.followed.held[max(0, len(self.followed.held) - 1 - back)]

    def _latest(self) -> Held | None:
        return next((one for one in self.followed.held if one.run == self.followed.latest), None)

    def _former(self, back: int) -> datetime:
        return self.snapshots[max(0, len(self.snapshots) - 2 - back)]

    def _refresh(self, snapshot: datetime, *, force: bool) -> tuple[str, str | None]:
        message = self.engine.task(self.table, snapshot_at=snapshot, force=force)
        task = self.followed.deliver(message, snapshot, force=force)
        self.seen[task["status"]] += 1
        return task["status"], task["reason"]


Step = tuple[str, Callable[[Table], None]]
"""A step and its name, by which it is printed."""


def night(items: Version) -> Step:
    return f"night {sorted(items)}", lambda table: table.night(items)


def loss(kept: Collection[int]) -> Step:
    return f"loss of all but {sorted(kept)}", lambda table: table.loss(kept)


def numbered(what: str, back: int) -> Step:
    return f"{what} {back}", lambda table: getattr(table, what)(back)


STEPS = st.one_of(
    st.builds(night, SOURCES),
    st.builds(loss, KEPT),
    st.builds(loss, KEPT),
    st.builds(numbered, st.just("release"), BACK),
    st.builds(numbered, st.just("refuse"), BACK),
    st.builds(numbered, st.just("refuse"), BACK),
    st.builds(numbered, st.sampled_from(["rollback", "former_source", "older_run"]), BACK),
    st.builds(numbered, st.sampled_from(["rollback", "former_source", "older_run"]), BACK),
    st.just(cast(Step, ("release of the latest", Table.release_latest))),
    st.just(cast(Step, ("run with force", lambda table: table.run(force=True)))),
)


@pytest.mark.parametrize(("checks", "keyed"), list(TABLES.values()), ids=list(TABLES))
def test_what_is_held_is_published_by_a_decision_alone(migrated_url: str, checks: str, keyed: bool) -> None:
    engine = Engine(migrated_url, cast(Source, ItemSource()), "p.d", None)
    numbers = count()
    seen: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(SOURCES, st.lists(STEPS, min_size=13, max_size=16))
    def live_through(items: Version, steps: Sequence[Step]) -> None:
        table = Table(engine, f"model_{next(numbers)}", checks, keyed=keyed, seen=seen)
        for what, step in [night(items), *steps]:
            note(what)
            step(table)

    live_through()
    assert seen.keys() >= {"held", "released", "refused", "held again", "taken back", NOT_HELD, SUPERSEDED, RELEASED}
    assert keyed or "staging_adopted" in engine.steps.seen
    check_invariants(engine)
    engine.close()
