"""A daily run, a manual one and an older one that awakens, on one table, in every order of their steps.

Loads of different runs touch nothing in common, so orders that differ only by them come to the same: every order of
plans and publishes is walked, by turns with each load as early and as late as can be.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Iterator, Sequence

import pytest

from infra.local.postgres import Postgres
from tests.conftest import BigQueryEnv
from tests.support.aftermath import fresh_engine
from tests.support.engine import Engine
from tests.support.gates import Stepper
from tests.support.history import BASE, DAILY, EMPTY, MANUAL, OLDER, History
from tests.support.invariants import check_invariants

RUNS = (OLDER, DAILY, MANUAL)
STOPS = ("slice_claimed", "publishing_claimed")
Order = tuple[int, ...]
"""Run numbers; the first time a run is named it plans, the second time it publishes."""


def orders_of(runs: Sequence[int], steps: int) -> list[Order]:
    """Every order in which each of the runs takes that many steps."""
    return sorted(set(itertools.permutations([run for run in runs for _ in range(steps)])))


class Interleaving:
    """Three runs of one table, told step by step when to go on; the target is looked at after every publish."""

    def __init__(
        self,
        history: History,
        engines: Sequence[Engine],
        table: str,
        *,
        published: bool,
        stops: Collection[str] = STOPS,
    ) -> None:
        self._history = history
        self._table = table
        self._newest = BASE if published else None
        self.messages = {run: history.run(table, run) for run in RUNS}
        self.workers = {
            run: Stepper(engine, self.messages[run], stops) for run, engine in zip(RUNS, engines, strict=True)
        }

    def walk(self, order: Order, *, early: bool) -> None:
        """Take the steps in the order, then what is left of each run."""
        planned: set[int] = set()
        for run in order:
            if run not in planned:
                planned.add(run)
                self.workers[run].advance()
                if early:
                    self.load(run)
            else:
                self.load(run)
                self.publish(run)
        self.finish(order)

    def finish(self, order: Order) -> None:
        """Take every run to its end, one after the other."""
        for run in order:
            while self.workers[run].at is not None:
                self.load(run)
                self.publish(run)

    def load(self, run: int) -> None:
        """Load what the run has to load."""
        while self.workers[run].at == "slice_claimed":
            self.workers[run].advance()

    def publish(self, run: int) -> None:
        """Let the run publish, unless it has ended; it may find that it has to load more."""
        if self.workers[run].at is None:
            return
        self.workers[run].advance()
        if self.workers[run].at is None:
            self._check_end(run)

    def _check_end(self, run: int) -> None:
        task = self._history.engine.state(self.messages[run])
        ended = (task["status"], task["reason"])
        if self._newest is not None and self._newest > run:
            assert ended == ("skipped", "superseded")
        else:
            assert ended == ("success", None)
            self._newest = run
        assert self._history.held_by(self._table) == self._history.content(self._newest)


@pytest.fixture(scope="module")
def history(postgres: Postgres, migrated_template: str, bigquery_env: BigQueryEnv) -> Iterator[History]:
    with fresh_engine(postgres, migrated_template, bigquery_env) as engine:
        yield History(engine)


@pytest.fixture(scope="module")
def engines(history: History) -> Iterator[list[Engine]]:
    """One for each run."""
    made = [history.engine.another() for _ in RUNS]
    yield made
    for engine in made:
        engine.close()


@pytest.mark.parametrize(
    ("published", "keyed", "step"),
    [
        pytest.param(True, True, 1, id="published before"),
        pytest.param(False, True, 3, id="first contact"),
        pytest.param(True, False, 3, id="without a key"),
    ],
)
def test_in_every_order_the_newest_snapshot_wins_and_every_run_ends(
    history: History, engines: list[Engine], published: bool, keyed: bool, step: int
) -> None:
    orders = orders_of(RUNS, 2)
    assert len(orders) == 90
    for number, order in enumerate(orders[::step]):
        table = history.table(published=published, keyed=keyed)
        try:
            Interleaving(history, engines, table, published=published).walk(order, early=number % 2 == 0)
        except AssertionError as error:
            error.add_note(f"in the order {order}")
            raise
        assert history.held_by(table) == history.content(MANUAL)
    check_invariants(history.engine)


def test_publishes_that_are_under_way_at_once_wait_for_each_other_and_look_again(
    history: History, engines: list[Engine]
) -> None:
    """Each run stands inside of its publish transaction, before the lock, when the others go on."""
    for order in itertools.permutations(RUNS):
        table = history.table(published=True)
        walk = Interleaving(history, engines, table, published=True, stops=(*STOPS, "publish_fenced"))
        for run in RUNS:
            walk.workers[run].advance()
            walk.load(run)
            walk.workers[run].advance()
            assert walk.workers[run].at == "publish_fenced"
        for run in order:
            walk.publish(run)
        walk.finish(order)
        assert history.held_by(table) == history.content(MANUAL)
    check_invariants(history.engine)


@pytest.mark.parametrize("seed", range(8))
def test_publishes_that_race_come_to_the_same(history: History, engines: list[Engine], seed: int) -> None:
    order = random.Random(seed).sample(RUNS, len(RUNS))
    table = history.table(published=True)
    walk = Interleaving(history, engines, table, published=True)
    for run in order:
        walk.workers[run].advance()
        walk.load(run)
    while racing := [worker for run in order if (worker := walk.workers[run]).at is not None]:
        for worker in racing:
            worker.begin_to_advance()
        for worker in racing:
            worker.wait_until_it_stands()
    assert history.held_by(table) == history.content(MANUAL)
    check_invariants(history.engine)


@pytest.mark.parametrize("checks", ["{}", '{"scope_min_ratio": 0.5}'])
def test_an_empty_source_changes_nothing_that_an_older_run_published_meanwhile(
    history: History, engines: list[Engine], checks: str
) -> None:
    engine = history.engine
    table = history.table(published=False)
    engine.sql(
        "UPDATE refresh.refresh_table_registry SET checks = CAST(:checks AS jsonb)"
        " WHERE table_schema || '.' || table_name = :table",
        checks=checks,
        table=table,
    )
    older, newer = history.run(table, MANUAL), history.run(table, EMPTY)
    late = Stepper(engines[0], newer, STOPS)
    late.advance()
    assert engine.deliver(older)["status"] == "success"
    late.advance()
    assert late.at is None
    ended = engine.state(newer)
    assert (ended["status"], ended["reason"]) == ("held", "empty_source")
    assert history.held_by(table) == history.content(MANUAL)
    check_invariants(engine)
