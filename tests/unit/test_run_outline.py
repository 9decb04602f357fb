"""The order of a run's tables, and the picture of all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from functions.api.pages import parallel
from functions.api.pages.outline import Outline, TaskOutline, in_order

BEGIN = datetime(2025, 6, 2, 4, tzinfo=UTC)


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else BEGIN + timedelta(seconds=seconds)


def table(name: str, status: str, started: float | None = None, finished: float | None = None) -> TaskOutline:
    lasted = None if started is None else round(1000 * ((120 if finished is None else finished) - started))
    return TaskOutline(name, status, at(started), at(finished), lasted)


TABLES = (
    table("a", "success", 10, 20),
    table("b", "no_new_data", 5, 8),
    table("c", "queued"),
    table("d", "running", 7),
    table("e", "failed", 30, 60),
    table("f", "skipped", None, 60),
    table("g", "failed", 2, 3),
    table("h", "queued"),
)


def test_what_needs_somebody_comes_first_and_each_as_it_was_begun() -> None:
    assert "".join(one.table for one in in_order(TABLES, slowest=False)) == "gefdchba"


def test_the_slowest_first_and_what_has_not_begun_by_name() -> None:
    assert "".join(one.table for one in in_order(TABLES, slowest=True)) == "deabgcfh"


def test_the_gravest_is_counted_first_and_nothing_that_is_not_there() -> None:
    counted = Outline(tables=TABLES, modes=frozenset(), totals={}).counted()
    assert list(counted.items()) == [
        *(("failed", 2), ("skipped", 1), ("running", 1), ("queued", 2), ("success", 1), ("no_new_data", 1))
    ]


def test_a_table_is_at_work_in_every_part_of_the_time_from_its_beginning_to_its_end() -> None:
    run = {"created_at": "2025-06-02T04:00:00Z", "finished_at": "2025-06-02T04:02:00Z"}
    picture = parallel.of(run, TABLES, now=BEGIN + timedelta(days=1))
    for second, column in enumerate(picture.columns):
        working = [
            one
            for one in TABLES
            if one.started_at
            and one.started_at <= BEGIN + timedelta(seconds=second) <= (one.finished_at or at(119) or BEGIN)
        ]
        ended = [one for one in TABLES if one.finished_at and one.finished_at <= BEGIN + timedelta(seconds=second)]
        assert column.title == f"{len(working)} at work, {len(ended)} of 8 ended"
        assert column.height == round(parallel.HEIGHT * len(working) / picture.most, 1)
    assert picture.most == 2


def test_a_run_that_goes_on_is_drawn_up_to_now() -> None:
    run = {"created_at": "2025-06-02T04:00:00Z", "finished_at": None}
    picture = parallel.of(run, TABLES, now=BEGIN + timedelta(seconds=60))
    assert [column.title for column in picture.columns[-2:]] == [
        "2 at work, 3 of 8 ended",
        "2 at work, 5 of 8 ended",
    ]


def test_a_run_without_a_table_is_a_flat_picture() -> None:
    run = {"created_at": "2025-06-02T04:00:00Z", "finished_at": None}
    picture = parallel.of(run, (), now=BEGIN)
    assert (picture.most, {column.title for column in picture.columns}) == (1, {"0 at work, 0 of 0 ended"})
