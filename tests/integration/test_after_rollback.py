"""What runs do after a rollback: nothing that was taken back comes again by itself, and nothing else is left out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.test_refresh_fill import FILLABLE
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.orders import Orders
from tests.support.publishes import image, roll_back

TABLE = "public.orders"


class Night:
    """`orders` of four days, and a run that has published a change of two of them, a new day and a lost one."""

    def __init__(self, engine: Engine, **registration: Any) -> None:
        self.engine = engine
        self.orders = Orders(engine, **registration)
        self.orders.days(1, 4)
        assert self.orders.refresh()["status"] == "success"
        self.before = image(engine, TABLE)
        self.old = self.orders.source()
        self.orders.change()
        self.orders.days(5, 5)
        engine.bigquery("DELETE FROM `{d}.orders` WHERE day = DATE '2025-01-04'")
        task = self.orders.refresh()
        assert task["status"] == "success"
        self.run: UUID = task["run_id"]
        self.after = image(engine, TABLE)

    def taken_back(self) -> None:
        roll_back(self.engine, self.run)
        assert image(self.engine, TABLE) == self.before

    def taken_back_at(self, step: str) -> None:
        """Once, when the next worker comes to the step."""

        def act() -> None:
            self.engine.steps.actions.clear()
            self.taken_back()

        self.engine.steps.actions = {step: act}

    def refresh(self, **options: bool) -> tuple[str, str | None]:
        task = self.orders.refresh(**options)
        check_invariants(self.engine)
        return task["status"], task["reason"]

    def source_as_it_was(self) -> None:
        self.engine.bigquery("DELETE FROM `{d}.orders` WHERE true")
        self.orders.insert(*((key, str(day), text, str(amount)) for key, day, text, amount in self.old))


@pytest.mark.parametrize(
    "registration", [{}, {"keyed": False}, {"strategy": "replace"}], ids=["merge", "without a key", "replace"]
)
def test_the_source_still_has_it(engine: Engine, registration: dict[str, Any]) -> None:
    night = Night(engine, **registration)
    night.taken_back()
    for _ in range(2):
        assert night.refresh() == ("held", "rolled_back")
        assert image(engine, TABLE) == night.before
    (row,) = engine.sql("SELECT error FROM refresh.refresh_task ORDER BY created_at DESC LIMIT 1")
    assert "taken back" in row["error"]


def test_an_appended_night_is_taken_back_too(engine: Engine) -> None:
    orders = Orders(engine, strategy="append")
    orders.days(1, 2)
    orders.refresh()
    before = image(engine, TABLE)
    orders.insert((250, "2025-01-02", "late", "1"))
    orders.days(3, 3)
    task = orders.refresh()
    assert (task["status"], task["rows_inserted"]) == ("success", 5)
    roll_back(engine, task["run_id"])
    assert image(engine, TABLE) == before
    again = orders.refresh()
    assert (again["status"], again["reason"]) == ("held", "rolled_back")


def test_the_source_has_what_is_published(engine: Engine) -> None:
    night = Night(engine)
    night.taken_back()
    night.source_as_it_was()
    assert night.refresh() == ("no_new_data", None)
    assert image(engine, TABLE) == night.before


def test_the_source_has_something_else(engine: Engine) -> None:
    night = Night(engine)
    night.taken_back()
    engine.bigquery("UPDATE `{d}.orders` SET customer = 'mended' WHERE id = 101")
    assert night.refresh() == ("warning", "rolled_back")
    mended = engine.sql("SELECT day::text, count(*) FROM public.orders WHERE customer = 'mended' GROUP BY 1")
    assert [tuple(row.values()) for row in mended] == [("2025-01-01", 1)]
    assert len(engine.sql("SELECT FROM public.orders WHERE day IN ('2025-01-04', '2025-01-05')")) == 4
    engine.bigquery("UPDATE `{d}.orders` SET customer = 'mended too' WHERE day > DATE '2025-01-01'")
    night.orders.days(4, 4, rows=2)
    assert night.refresh() == ("success", None)
    assert night.orders.target() == night.orders.source()
    assert night.refresh() == ("no_new_data", None)


def test_by_force_it_is_published(engine: Engine) -> None:
    night = Night(engine)
    night.taken_back()
    assert night.refresh(force=True) == ("success", None)
    assert image(engine, TABLE) == night.after
    assert night.refresh() == ("no_new_data", None)


def test_two_nights_taken_back_and_the_source_has_the_second(engine: Engine) -> None:
    night = Night(engine)
    night.orders.change()
    second = night.orders.refresh()["run_id"]
    roll_back(engine, second)
    assert image(engine, TABLE) == night.after
    night.taken_back()
    assert night.refresh() == ("held", "rolled_back")
    assert image(engine, TABLE) == night.before


def test_a_first_load_taken_back(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 3)
    roll_back(engine, orders.refresh()["run_id"])
    assert sum(orders.target().values()) == 0
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("held", "rolled_back")
    orders.days(4, 4)
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("warning", "rolled_back")
    assert orders.refresh(force=True)["status"] == "success"
    assert orders.target() == orders.source()


def test_rows_that_were_there_before_the_first_run(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 2)
    engine.sql("INSERT INTO public.orders VALUES (1, '2024-12-31', 'old', 1), (100, '2025-01-01', 'stale', 0.5)")
    before = image(engine, TABLE)
    roll_back(engine, orders.refresh()["run_id"])
    assert image(engine, TABLE) == before
    assert orders.refresh()["reason"] == "rolled_back"
    engine.bigquery("DELETE FROM `{d}.orders` WHERE day = DATE '2025-01-01'")
    orders.days(3, 3)
    orders.refresh()
    held = engine.sql("SELECT id FROM public.orders WHERE day = '2025-01-01'")
    assert held == [], "the scope vanished, which is not what was taken back"
    assert orders.refresh(force=True)["status"] in ("success", "no_new_data")
    assert orders.target() == orders.source()


@pytest.mark.parametrize("step", ["plan_committed", "publishing_claimed"])
def test_a_run_under_way_does_not_bring_it_back(engine: Engine, step: str) -> None:
    night = Night(engine)
    night.taken_back_at(step)
    assert night.refresh() == ("held", "rolled_back")
    assert image(engine, TABLE) == night.before


@pytest.mark.parametrize("force", [False, True])
def test_a_run_that_has_staged_it_before_does_not_either(engine: Engine, force: bool) -> None:
    night = Night(engine)
    night.engine.sql("UPDATE refresh.refresh_partition_state SET fingerprint = 'unlike'")
    night.taken_back_at("publishing_claimed")
    assert night.refresh(force=force) == ("held", "rolled_back")
    assert image(engine, TABLE) == night.before


def test_a_first_load_under_way_does_not_bring_a_taken_back_one_back(engine: Engine) -> None:
    orders = Orders(engine, amount=FILLABLE)
    orders.days(1, 3)

    def another_run_comes_and_goes() -> None:
        engine.steps.actions.clear()
        roll_back(engine, other.refresh(TABLE)["run_id"])

    other = engine.another()
    later = engine.task(TABLE, snapshot_at=engine.source.now() + timedelta(minutes=1))
    engine.steps.actions = {"fill_queried": another_run_comes_and_goes}
    task = engine.deliver(later)
    other.close()
    assert "fill_queried" in engine.steps.seen
    assert (task["status"], task["reason"]) == ("held", "rolled_back")
    assert sum(orders.target().values()) == 0


def test_an_older_run_that_wakes_up_late_publishes_nothing_over_it(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 3)
    orders.refresh()
    orders.change()
    late = engine.task(TABLE)
    orders.change()
    newer = orders.refresh()["run_id"]
    roll_back(engine, newer)
    before = image(engine, TABLE)
    task = engine.deliver(late)
    assert (task["status"], task["reason"]) == ("skipped", "superseded")
    assert image(engine, TABLE) == before


def test_what_the_registry_says_goes_back_too(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 3)
    orders.refresh()
    seen = "SELECT last_refreshed_at, last_data_period FROM refresh.refresh_table_registry WHERE table_name = 'orders'"
    (before,) = engine.sql(seen)
    state = "SELECT scope, fingerprint, definition_hash, rows, run_id FROM refresh.refresh_partition_state ORDER BY 1"
    published = engine.sql(state)
    orders.days(4, 4)
    orders.change()
    run = orders.refresh()["run_id"]
    assert engine.sql(seen)[0]["last_data_period"] == "2025-01-04"
    roll_back(engine, run)
    assert engine.sql(seen) == [before]
    *known, new = engine.sql(state)
    assert known == published
    assert (new["scope"], new["fingerprint"], new["rows"]) == ("2025-01-04", None, 0)
