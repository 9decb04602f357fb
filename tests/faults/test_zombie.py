"""A worker that goes on after its lease was taken over commits nothing, at whatever step it was held up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from shared.refresh import fence
from shared.sql import statement
from tests.support.engine import Engine
from tests.support.gates import Worker, cut_off_open_transactions, let_leases_end
from tests.support.invariants import check_invariants
from tests.support.staged import StagedEngine, StagedTable

RACES = 500
BEFORE_THE_FENCE = ["publishing_claimed"] * 8
INSIDE = ["publish_fenced", "publish_locked", "publish_merged", "publish_recorded"]

pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
"""What is left in the buffer of a connection that the server has cut off cannot be sent any more."""


@dataclass(kw_only=True)
class Races:
    """Two workers of one publish, again and again, by a schedule that `seed` decides."""

    engine: Engine
    table: StagedTable
    seed: int
    accepted: list[int] = field(default_factory=list)
    """Races in which a zombie committed, though its claim had been taken over."""
    taken_over: int = 0
    escaped: list[BaseException] = field(default_factory=list)

    def run(self, races: int) -> None:
        first, second = StagedEngine(self.engine.database_url), StagedEngine(self.engine.database_url)
        try:
            for number in range(races):
                self._race(number, first, second)
        finally:
            first.close()
            second.close()

    def _race(self, number: int, first: Engine, second: Engine) -> None:
        chance = random.Random(self.seed * 100_000 + number)
        message = self.table.stage([(1, "a", f"race {number}"), (2, "b", "same"), (3 + number % 2, "b", "other")])
        zombie = Worker(first, message, chance.choice(BEFORE_THE_FENCE + INSIDE)).started()
        assert zombie.stands()
        cut_off_open_transactions(self.engine)
        let_leases_end(self.engine)
        successor = Worker(second, message, chance.choice(["publishing_claimed", *INSIDE, None]))
        if chance.random() < 0.3:
            zombie.gate.open()
            successor.gate.open()
            successor.start()
        else:
            successor.started().stands()
        self._let_go(chance, zombie, successor)
        self.escaped += [error for error in (zombie.error, successor.error) if error is not None]
        self.taken_over += successor.claimed
        if successor.claimed and zombie.published:
            self.accepted.append(number)

    def _let_go(self, chance: random.Random, zombie: Worker, successor: Worker) -> None:
        """One after the other, as far as the first can end without the second, or both at once."""
        waits_for_successor = successor.steps.seen[-1:] not in ([], ["publishing_claimed"])
        first = successor if waits_for_successor else chance.choice([zombie, successor])
        if chance.random() < 0.5:
            first.finish()
        zombie.gate.open()
        successor.finish()
        zombie.finish()


@pytest.fixture
def races(migrated_url: str) -> Iterator[Races]:
    engine = StagedEngine(migrated_url)
    yield Races(engine=engine, table=StagedTable(engine), seed=20250601)
    engine.close()


def test_no_zombie_publishes(races: Races) -> None:
    races.run(RACES)
    assert races.accepted == [], f"seed {races.seed}"
    assert races.escaped == []
    assert races.taken_over > RACES / 2
    assert _publishes_by_run(races.engine) == [1] * RACES
    (registry,) = races.engine.sql("SELECT data_version FROM refresh.refresh_table_registry WHERE table_name = 'items'")
    assert registry["data_version"] == RACES
    check_invariants(races.engine)


def test_without_the_compare_and_set_zombies_do_publish(races: Races, monkeypatch: pytest.MonkeyPatch) -> None:
    def unfenced(name: str) -> str:
        return statement(name).replace("epoch = :epoch", "epoch >= CAST(:epoch AS bigint) - 1000")

    monkeypatch.setattr(fence, "statement", unfenced)
    races.run(30)
    assert races.accepted


def _publishes_by_run(engine: Engine) -> list[int]:
    rows = engine.sql(
        "SELECT count(*) AS publishes FROM refresh.refresh_audit_log WHERE event = 'task_success' GROUP BY run_id"
    )
    return [row["publishes"] for row in rows]
