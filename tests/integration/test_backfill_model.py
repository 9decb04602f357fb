"""Random changes of the source, daily runs, backfills and cancellations, against what the target has to be."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest

from tests.integration.test_backfill import FIRST, Days
from tests.support.engine import Engine
from tests.support.invariants import check_invariants

DAYS = 10
STEPS = 14
Rows = dict[date, set[tuple[int, int]]]
"""By day: ids and amounts."""


class Model:
    """The source as it is, and the target as the runs so far have to have left it."""

    def __init__(self, days: Days, random: Random) -> None:
        self.days = days
        self.random = random
        self.source: Rows = {FIRST + timedelta(days=n): {(2 * n, n), (2 * n + 1, n)} for n in range(DAYS)}
        self.target: Rows = {}
        self.next_id = 100

    def change(self) -> None:
        """A row more, a row less, a day gone, an amount restated."""
        day = self.random.choice(list(self.source))
        what = self.random.choice(["insert", "insert", "delete", "restate", "gone"])
        text = f"day = '{day}'"
        if what == "insert" or not self.source[day]:
            self.next_id += 1
            self.source[day].add((self.next_id, 1))
            self.days.engine.bigquery(f"INSERT INTO `{{d}}.orders` VALUES ({self.next_id}, '{day}', 1)")
        elif what == "delete":
            one = self.random.choice(sorted(self.source[day]))
            self.source[day].remove(one)
            self.days.engine.bigquery(f"DELETE FROM `{{d}}.orders` WHERE id = {one[0]}")
        elif what == "restate":
            self.source[day] = {(row, amount + 1000) for row, amount in self.source[day]}
            self.days.engine.bigquery(f"UPDATE `{{d}}.orders` SET amount = amount + 1000 WHERE {text}")
        else:
            self.source[day] = set()
            self.days.engine.bigquery(f"DELETE FROM `{{d}}.orders` WHERE {text}")

    def daily(self) -> None:
        """A run of everything."""
        assert self.days.engine.refresh("public.orders")["status"] in ("success", "no_new_data")
        self.publish(0, DAYS - 1)

    def backfill(self) -> None:
        """A range, part by part or at the end, which now and then is cancelled after some of it."""
        first = self.random.randrange(DAYS)
        last = self.random.randrange(first, DAYS)
        visible = self.random.choice(["slice", "end"])
        asked = self.days.request(first, last, visible)
        if self.random.random() < 0.25:
            self.days.work(most=self.random.randrange(6))
            self.days.engine.sql("SELECT refresh.cancel_backfill(:id)", id=asked)
            self.days.work()
            asked = self.days.request(first, last, visible)
        self.days.work()
        assert self.days.backfill(asked)["status"] in ("success", "no_new_data")
        self.publish(first, last)

    def publish(self, first: int, last: int) -> None:
        """The range of the target becomes the source's."""
        for n in range(first, last + 1):
            day = FIRST + timedelta(days=n)
            self.target[day] = set(self.source[day])

    def check(self) -> None:
        """The target is what it has to be."""
        rows = {(day, *row) for day, kept in self.target.items() for row in kept}
        assert {(day, row, amount) for row, day, amount in self.days.target()} == rows


@pytest.mark.parametrize("seed", [1, 2])
def test_the_target_is_what_it_has_to_be(engine: Engine, seed: int) -> None:
    days = Days(engine)
    engine.sql("UPDATE refresh.refresh_table_registry SET lookback = NULL, checks = '{\"table_min_ratio\": 0}'")
    model = Model(days, Random(seed))
    for _ in range(STEPS):
        model.random.choice([model.change, model.change, model.daily, model.backfill])()
        model.check()
    engine.sql("UPDATE refresh.refresh_run SET status = 'success', finished_at = now() WHERE status = 'running'")
    check_invariants(engine)
