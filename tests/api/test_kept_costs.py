"""A month's figures are those of its jobs, whatever of them is kept, and whoever writes and reads at the same time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from shared.ports import Row, Session
from tests.api.conftest import Api
from tests.support.waiting import wait_for

MONTHS = ("2025-05", "2025-06", "2025-07")
JUNE = datetime(2025, 6, 1, tzinfo=UTC)
RUNS = 5
JOB = (
    "INSERT INTO refresh.refresh_job_cost (job_id, run_id, table_schema, table_name, step, bytes_billed, usd,"
    " started_at, settled_at) SELECT :job, run_id, table_schema, table_name, 'slice', :bytes, :usd, :at,"
    " CASE WHEN CAST(:bytes AS bigint) IS NOT NULL THEN now() END"
    " FROM refresh.refresh_task JOIN refresh.refresh_run USING (run_id)"
    " WHERE idempotency_key = :run AND table_name = :table"
)


class Costs:
    """Tables and runs of them that bill what a test says, in a database whose days are over when it says so."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._jobs = 0
        api.plane.register("a", "b", "c")
        api.plane.run(
            "WITH made AS (INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key, status,"
            " finished_at) SELECT 'manual', 'test', n::text, 'success', now() FROM generate_series(0, :last) AS n"
            " RETURNING run_id)"
            " INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, status,"
            " started_at, finished_at)"
            " SELECT run_id, table_schema, table_name, handler, priority, 'no_new_data', now(), now()"
            " FROM made CROSS JOIN refresh.refresh_table_registry",
            last=RUNS - 1,
        )
        self.over(date(2025, 6, 15))

    def over(self, until: date) -> None:
        """Days before this one are over."""
        self.api.plane.run(
            "CREATE OR REPLACE FUNCTION refresh.first_open_day() RETURNS date LANGUAGE sql STABLE"
            f" RETURN DATE '{until:%Y-%m-%d}'"
        )

    def job(
        self,
        at: datetime,
        bytes_billed: int | None = 2**40,
        *,
        usd: Decimal | None = Decimal(5),
        run: int = 0,
        table: str = "a",
        session: Session | None = None,
    ) -> None:
        """A job, in a transaction of its own or in the given one."""
        self._jobs += 1
        values = {"job": str(self._jobs), "at": at, "bytes": bytes_billed, "usd": usd, "run": str(run), "table": table}
        (session or self.api.plane).run(JOB, **values)

    def read(self, month: str = "2025-06") -> Any:
        return self.api.get(f"/api/refresh/costs?month={month}")

    def right(self, month: str = "2025-06") -> Any:
        """What `read` has to answer: each job counted where it stands."""
        jobs = [
            row
            for row in self.api.plane.run("SELECT * FROM refresh.refresh_job_cost WHERE bytes_billed IS NOT NULL")
            if f"{row['started_at'].astimezone(UTC):%Y-%m}" == month
        ]
        tables = [{"table": f"public.{name}"} | figures(group, runs=True) for name, group in by(jobs, "table_name")]
        return {
            "month": month,
            "usd_per_tib": 6.25,
            **figures(jobs),
            "tables": sorted(tables, key=lambda one: (-one["bytes_billed"], one["table"])),
            "days": [{"day": day} | figures(group) for day, group in by(jobs, "day")],
        }

    def kept(self) -> dict[str, date]:
        """Until which day the figures of each month are kept."""
        rows = self.api.plane.run("SELECT month, covered_until FROM refresh.refresh_cost_month")
        return {f"{row['month']:%Y-%m}": row["covered_until"] for row in rows}

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Somebody else's."""
        with self.api.plane.store.transaction() as session:
            yield session


def by(jobs: list[Row], what: str) -> Iterator[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for job in jobs:
        key = job["table_name"] if what == "table_name" else f"{job['started_at'].astimezone(UTC):%Y-%m-%d}"
        groups.setdefault(key, []).append(job)
    yield from sorted(groups.items())


def figures(jobs: list[Row], *, runs: bool = False) -> dict[str, Any]:
    price = Decimal("6.25") / 2**40
    usd = sum((job["bytes_billed"] * price if job["usd"] is None else job["usd"] for job in jobs), Decimal(0))
    counted = {"runs": len({job["run_id"] for job in jobs})} if runs else {}
    billed = sum(job["bytes_billed"] for job in jobs)
    return {"jobs": len(jobs), **counted, "bytes_billed": billed, "usd": pytest.approx(float(usd), abs=5.1e-7)}


@pytest.fixture
def costs(api: Api) -> Costs:
    return Costs(api)


def test_what_is_over_is_kept_and_the_rest_counted(costs: Costs) -> None:
    for day in range(30):
        costs.job(JUNE + timedelta(days=day, hours=7), run=day % RUNS)
    right = costs.right()
    assert (costs.read(), costs.kept()) == (right, {"2025-06": date(2025, 6, 15)})
    assert costs.read() == right
    costs.over(date(2025, 6, 20))
    assert (costs.read(), costs.kept()) == (right, {"2025-06": date(2025, 6, 20)})
    costs.over(date(2025, 8, 3))
    assert (costs.read(), costs.kept()) == (right, {"2025-06": date(2025, 7, 1)})


def test_a_month_without_jobs_is_not_kept(costs: Costs) -> None:
    costs.job(JUNE, None)
    for month in (*MONTHS, "2999-12"):
        assert costs.read(month)["jobs"] == 0
    assert costs.kept() == {}


def test_a_run_over_midnight_is_one_of_each_month(costs: Costs) -> None:
    for at in (JUNE - timedelta(seconds=1), JUNE, JUNE + timedelta(days=13, hours=23), JUNE + timedelta(days=14)):
        costs.job(at, run=1)
    costs.job(JUNE + timedelta(days=14), run=2)
    costs.job(JUNE + timedelta(days=14), run=1, table="b")
    for _ in range(2):
        assert [table["runs"] for table in costs.read()["tables"]] == [2, 1]
        assert [table["runs"] for table in costs.read("2025-05")["tables"]] == [1]
    costs.over(date(2025, 6, 16))
    assert [table["runs"] for table in costs.read()["tables"]] == [2, 1]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE refresh.refresh_job_cost SET bytes_billed = 7, usd = 1, settled_at = now() WHERE bytes_billed IS NULL",
        "UPDATE refresh.refresh_job_cost SET bytes_billed = NULL, settled_at = NULL",
        "UPDATE refresh.refresh_job_cost SET usd = NULL",
        "UPDATE refresh.refresh_job_cost SET started_at = started_at - interval '40 days' WHERE usd = 5",
        "UPDATE refresh.refresh_job_cost SET started_at = started_at + interval '10 days' WHERE usd = 5",
        "DELETE FROM refresh.refresh_job_cost WHERE usd = 5",
        "DELETE FROM refresh.refresh_task",
    ],
)
def test_what_changes_among_days_that_are_over_counts_all_the_same(costs: Costs, change: str) -> None:
    costs.job(JUNE)
    costs.job(JUNE + timedelta(days=1), usd=Decimal(3))
    costs.job(JUNE + timedelta(days=2), None)
    before = costs.read()
    costs.read("2025-05")
    costs.api.plane.run(change)
    assert costs.read() == costs.right() != before
    assert costs.read("2025-05") == costs.right("2025-05")


def test_today_forgets_nothing(costs: Costs) -> None:
    costs.job(JUNE)
    costs.read()
    costs.job(JUNE + timedelta(days=14))
    costs.job(JUNE, None)
    costs.job(JUNE - timedelta(days=1))
    assert costs.kept() == {"2025-06": date(2025, 6, 15)}
    assert costs.read() == costs.right()


def test_days_are_those_of_utc_whatever_the_sessions_zone(costs: Costs) -> None:
    for at in (timedelta(seconds=-1), timedelta(0), timedelta(days=13, hours=20), timedelta(days=14, hours=3)):
        costs.job(JUNE + at)
    with costs.transaction() as session:
        session.run("SET LOCAL timezone = 'America/Los_Angeles'")
        session.run("SELECT refresh.roll_up_costs('2025-06-01')")
    assert costs.kept() == {"2025-06": date(2025, 6, 15)}
    assert costs.read() == costs.right()
    with costs.transaction() as session:
        session.run("SET LOCAL timezone = 'America/Los_Angeles'")
        costs.job(JUNE, session=session)
    assert costs.kept() == {}
    assert costs.read() == costs.right()


@pytest.mark.parametrize("seed", range(4))
def test_figures_are_those_of_the_jobs_whatever_happens(costs: Costs, seed: int) -> None:
    """Jobs come, settle, change and go in any order, near midnights above all, while the days go by."""
    chance = random.Random(seed)
    seen, forgotten, until = set(), 0, date(2025, 5, 28)
    for _ in range(40):
        kept = costs.kept()
        for _ in range(chance.randrange(6)):
            _something(costs, chance)
        forgotten += len(kept.keys() - costs.kept().keys())
        until += timedelta(days=chance.choice([0, 0, 1, 2, 5]))
        costs.over(until)
        for month in chance.sample(MONTHS, 2):
            assert costs.read(month) == costs.right(month), (seed, month, until)
        seen |= set(costs.kept().items())
    assert len(seen) > 5
    assert forgotten > 1


def _something(costs: Costs, chance: random.Random) -> None:
    at = JUNE + timedelta(days=chance.randrange(-8, 40), seconds=chance.choice([-1, 0, 1, 40_000]))
    if chance.random() < 0.7:
        price = chance.choice([None, Decimal(chance.randrange(10**9)) / 10**8])
        amount = chance.choice([None, 0, chance.randrange(10**13)])
        costs.job(at, amount, usd=price, run=chance.randrange(RUNS), table=chance.choice("abc"))
        return
    one = "job_id = (SELECT job_id FROM refresh.refresh_job_cost ORDER BY md5(job_id || :salt) LIMIT 1)"
    change = chance.choice(
        [
            f"UPDATE refresh.refresh_job_cost SET bytes_billed = 12345678, usd = NULL, settled_at = now() WHERE {one}",
            f"UPDATE refresh.refresh_job_cost SET bytes_billed = NULL, settled_at = NULL WHERE {one}",
            f"UPDATE refresh.refresh_job_cost SET started_at = :at WHERE {one}",
            f"DELETE FROM refresh.refresh_job_cost WHERE {one}",
        ]
    )
    values = {"salt": str(chance.random())} | ({"at": at} if ":at" in change else {})
    costs.api.plane.run(change, **values)


def test_nothing_is_kept_while_somebody_writes_into_those_days(costs: Costs) -> None:
    costs.job(JUNE)
    before = costs.right()
    with costs.transaction() as writer:
        costs.job(JUNE + timedelta(days=3), session=writer)
        assert (costs.read(), costs.kept()) == (before, {})
    assert costs.read() == costs.right() != before
    assert costs.kept() != {}


def test_what_is_kept_is_read_until_a_late_writer_has_committed(costs: Costs) -> None:
    costs.job(JUNE)
    before = costs.read()
    with costs.transaction() as writer:
        costs.job(JUNE + timedelta(days=3), session=writer)
        assert costs.read() == before
        costs.over(date(2025, 6, 16))
        assert costs.read() == before
    assert costs.read() == costs.right() != before


def test_who_settles_before_midnight_and_commits_after_the_day_is_over_is_not_missed(costs: Costs) -> None:
    costs.job(JUNE)
    before = costs.read()
    with costs.transaction() as writer:
        costs.job(JUNE + timedelta(days=14, hours=23), session=writer)
        costs.over(date(2025, 6, 16))
        assert (costs.read(), costs.kept()) == (before, {"2025-06": date(2025, 6, 15)})
    assert costs.read() == costs.right() != before
    assert costs.kept() == {"2025-06": date(2025, 6, 16)}


def test_a_late_writer_waits_for_who_counts_and_takes_it_back(costs: Costs) -> None:
    costs.job(JUNE)
    with ThreadPoolExecutor(1) as other:
        with costs.transaction() as counting:
            counting.run("SELECT refresh.roll_up_costs('2025-06-01')")
            late = other.submit(costs.job, JUNE + timedelta(days=3))
            waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            wait_for(lambda: costs.api.plane.run(waiting), "the writer to wait")
        late.result()
    assert costs.kept() == {}
    assert costs.read() == costs.right()


def test_who_writes_today_does_not_wait_for_who_counts(costs: Costs) -> None:
    costs.job(JUNE)
    with costs.transaction() as counting:
        counting.run("SELECT refresh.roll_up_costs('2025-06-01')")
        costs.job(JUNE + timedelta(days=14))
        assert costs.read() == costs.right(), "and who reads counts them where they stand"
    assert costs.kept() == {"2025-06": date(2025, 6, 15)}


def test_writers_and_readers_at_once_end_with_the_right_figures(costs: Costs) -> None:
    """Each of them for itself, without a deadlock; what is kept in the end is of all that was written."""

    def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            with costs.transaction() as session:
                for _ in range(2):
                    costs.job(JUNE + timedelta(days=chance.randrange(20)), run=chance.randrange(RUNS), session=session)

    def count() -> None:
        for _ in range(40):
            with costs.transaction() as session:
                session.run("SELECT refresh.roll_up_costs('2025-06-01')")

    with ThreadPoolExecutor(5) as pool:
        others = [pool.submit(write, 1), pool.submit(write, 2), *(pool.submit(count) for _ in range(3))]
        for one in others:
            one.result()
    assert costs.read() == costs.right()
    assert costs.read()["jobs"] == 160
    assert costs.kept() == {"2025-06": date(2025, 6, 15)}
