"""A worker that goes on after its lease was taken over commits nothing, at whatever step it was held up.

REFRESH_TEST_SEED: the seed of the races; REFRESH_TEST_RACES: how many.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from infra.local.postgres import Postgres
from shared.refresh import fence
from shared.refresh.claim import task_parameters
from shared.sql import statement
from tests.conftest import BigQueryEnv
from tests.support.aftermath import fresh_engine, let_time_pass
from tests.support.engine import Engine
from tests.support.gates import Worker, cut_off_open_transactions, let_leases_end
from tests.support.invariants import check_invariants
from tests.support.rehearsal import Rehearsal
from tests.support.staged import StagedEngine, StagedTable
from tests.support.stopped_worker import StoppedWorker

RACES = int(os.environ.get("REFRESH_TEST_RACES", "500"))
SEED = int(os.environ.get("REFRESH_TEST_SEED", "20250601"))
BEFORE_THE_FENCE = ["publishing_claimed"] * 8
LATER_STEPS = [
    "planning_claimed",
    "plan_written",
    "slice_claimed",
    "session_opened",
    "chunk_copied",
    "chunk_committed",
    "slice_reconciled",
    "slice_committed",
    "publishing_claimed",
    "publish_fenced",
    "publish_locked",
    "publish_merged",
    "publish_recorded",
    "publish_committed",
]
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
        if not successor.claimed and not zombie.published:
            self._come_again(Worker(second, message))
        self.escaped += [error for error in (zombie.error, successor.error) if error is not None]
        self.taken_over += successor.claimed
        if successor.claimed and zombie.published:
            self.accepted.append(number)

    def _come_again(self, later: Worker) -> None:
        """The zombie was cut off, and gave its claim back before the successor came: its message comes again."""
        let_time_pass(self.engine)
        later.started().finish()
        self.escaped += [later.error] if later.error is not None else []

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
    yield Races(engine=engine, table=StagedTable(engine), seed=SEED)
    engine.close()


def test_no_zombie_publishes(races: Races) -> None:
    with capture_logs() as told:
        races.run(RACES)
    assert races.accepted == [], f"seed {races.seed}"
    assert [line for line in told if line["event"] == "failed"] == [], "whose claim was taken over tells of no failure"
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


@pytest.fixture(scope="module")
def rehearsal(postgres: Postgres, migrated_template: str, bigquery_env: BigQueryEnv) -> Iterator[Rehearsal]:
    with fresh_engine(postgres, migrated_template, bigquery_env) as engine:
        yield Rehearsal(engine)


@pytest.mark.parametrize("step", LATER_STEPS)
def test_a_process_that_was_stopped_past_its_lease_changes_nothing(
    rehearsal: Rehearsal, bigquery_env: BigQueryEnv, step: str
) -> None:
    engine = rehearsal.engine
    message = rehearsal.start()
    order = {
        "database_url": engine.database_url,
        "project": bigquery_env.project,
        "rest_url": bigquery_env.rest_url,
        "grpc_address": bigquery_env.grpc_address,
        "dataset": engine.dataset,
        "run_id": str(message.run_id),
        "table": str(message.table),
        "stop_at": step,
    }
    with StoppedWorker(order) as zombie:
        cut_off_open_transactions(engine)
        let_leases_end(engine)
        rehearsal.assert_published(engine.deliver(message))
        before = _everything(engine)
        assert zombie.wake() == 0
    assert _everything(engine) == before
    check_invariants(engine)


def _everything(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table, and every staging table; what a job has billed is noted whoever asked for it."""
    tables = engine.sql(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('refresh', 'refresh_staging', 'public') AND tablename <> 'refresh_job_cost' ORDER BY 1"
    )
    return {
        table["name"]: [row["text"] for row in engine.sql(f"SELECT t::text AS text FROM {table['name']} t ORDER BY 1")]
        for table in tables
    }


@pytest.mark.parametrize("step", ["slice_claimed", "session_opened", "chunk_committed"])
def test_a_slice_of_a_task_that_has_ended_meanwhile_is_left_alone(rehearsal: Rehearsal, step: str) -> None:
    engine, second = rehearsal.engine, rehearsal.engine.another()
    message = rehearsal.start()
    zombie = Worker(second, message, step).started()
    assert zombie.stands()
    with engine.store.transaction() as session:
        session.run(statement("fail_free_task"), **task_parameters(message.task), reason="test", error="given up")
    before = _everything(engine)
    zombie.finish()
    second.close()
    assert zombie.error is None
    assert _everything(engine) == before
    engine.sql(f"DROP TABLE refresh_staging.{message.task.staging_table}")


def test_a_renewal_that_comes_late_does_not_revive_a_lease_that_was_given_up(races: Races) -> None:
    message = races.table.stage([(1, "a", "x")])
    key = task_parameters(message.task) | {"epoch": 0}
    (renewal,) = races.engine.sql(statement("renew_task_lease"), **key, lease_seconds=90.0)
    assert renewal["held"]
    assert races.engine.state(message)["lease_until"] is None
