"""A bad report through the whole path: its scope is held with a reason, what is published stays, the rest goes on."""

from datetime import date, timedelta
from typing import Any

import pytest

from infra.local.sample.reference import Row
from infra.local.sample.shapes import EXPORT, LANDING
from infra.local.sample.tables import append_rows, table_id
from tests.conftest import BigQueryEnv
from tests.support.engine import Engine
from tests.support.sqp import DATASETS, SUNDAY, load, source_row

_TOTALS = (15_000, 100_000, 2_000, 500, 200)
_WEEKS = tuple(SUNDAY + timedelta(weeks=n) for n in range(3))
_PERFORMANCE = "sqp.search_query_performance"


class Path:
    """The path, and a landing table of the test's own."""

    def __init__(self, engine: Engine, env: BigQueryEnv) -> None:
        self.engine, self.env = engine, env
        self.placed = load(env.client, engine.dataset, LANDING, [])
        for name, dataset in DATASETS.items():
            handler = "asin" if name == "asin_performance_data" else "search_queries"
            engine.register(f"sqp.{name}", self.placed.table, handler=handler, key_columns=list(dataset.key_columns))

    def deliver(self, rows: list[Row]) -> None:
        named = [{column.name: row.get(column.name) for column in LANDING.columns} for row in rows]
        append_rows(self.env.client, self.env.project, self.placed, named)

    def delete(self, condition: str) -> None:
        self.engine.bigquery(f"DELETE FROM `{table_id(self.env.project, self.placed)}` WHERE {condition}")

    def refresh(self, table: str = _PERFORMANCE) -> Row:
        return self.engine.refresh(table, datasets=DATASETS)

    def weeks(self, client: str = "c1", table: str = _PERFORMANCE) -> dict[date, int]:
        rows = self.engine.sql(
            f"SELECT period_start, count(*) AS n FROM {table} WHERE client_id = :client GROUP BY 1 ORDER BY 1",
            client=client,
        )
        return {row["period_start"]: row["n"] for row in rows}

    def failed(self, task: Row) -> list[tuple[Any, ...]]:
        rows = self.engine.sql(
            "SELECT scope, metric, outcome, details FROM refresh.refresh_data_quality"
            " WHERE run_id = :run AND NOT passed ORDER BY scope, metric",
            run=task["run_id"],
        )
        return [(row["scope"], row["metric"], row["outcome"], row["details"].get("reports")) for row in rows]


@pytest.fixture
def path(engine: Engine, bigquery_env: BigQueryEnv) -> Path:
    engine.sql("DELETE FROM refresh.refresh_table_registry")
    return Path(engine, bigquery_env)


def _week(client: str, week: date, queries: int, **other: Any) -> list[Row]:
    return [
        source_row(f"q{n}", "A1", _TOTALS, (100 + n, 10, 4, 1)) | {"client_id": client, "start_date": week} | other
        for n in range(queries)
    ]


def test_one_bad_report_holds_its_week_and_nothing_else(path: Path) -> None:
    path.deliver([row for week in _WEEKS[:2] for row in _week("c1", week, 6) + _week("c2", week, 6)])
    assert path.refresh()["status"] == "success"
    bad = [row | {"asin_impression_share": 0.02} for row in _week("c2", _WEEKS[2], 6)]
    path.deliver([*_week("c1", _WEEKS[2], 6), *bad])
    path.deliver(_week("c1", _WEEKS[1], 2, search_query="another"))
    task = path.refresh()
    assert (task["status"], task["reason"]) == ("warning", "scopes_held")
    assert "2025-01-19: share_unit_ambiguous is 1, at most 0 (c2 / US / WEEK)" in task["error"]
    assert ("2025-01-19", "share_unit_ambiguous", "hold", ["c2 / US / WEEK"]) in path.failed(task)
    assert path.weeks() == {_WEEKS[0]: 6, _WEEKS[1]: 7}

    path.delete("client_id = 'c2' AND start_date = '2025-01-19'")
    path.deliver(_week("c2", _WEEKS[2], 6))
    assert path.refresh()["status"] == "success"
    assert path.weeks("c2")[_WEEKS[2]] == 6


@pytest.mark.parametrize("table", [f"sqp.{name}" for name in DATASETS])
def test_a_parser_fault_changes_nothing_in_any_table(path: Path, table: str) -> None:
    path.deliver(_week("c1", SUNDAY, 6))
    assert path.refresh(table)["status"] == "success"
    before = path.weeks(table=table)
    none = dict.fromkeys(("asin_impression_count", "asin_click_count", "asin_cart_add_count", "asin_purchase_count"), 0)
    none |= {"total_click_count": 2_100}
    path.delete("TRUE")
    path.deliver(_week("c1", SUNDAY, 6, **none))
    task = path.refresh(table)
    assert (task["status"], task["reason"]) == ("held", "scopes_held")
    assert "own_counts_missing" in task["error"]
    assert path.weeks(table=table) == before


def test_an_empty_and_a_half_delivery_delete_nothing(path: Path) -> None:
    path.deliver([row for week in _WEEKS for row in _week("c1", week, 10) + _week("c2", week, 30)])
    assert path.refresh()["status"] == "success"
    path.delete("client_id = 'c1' AND start_date = '2025-01-19' AND search_query >= 'q4'")
    path.delete("client_id = 'c1' AND start_date = '2025-01-12'")
    task = path.refresh()
    assert task["status"] == "held"
    assert [failed[:2] for failed in path.failed(task)] == [
        ("2025-01-12", "completeness"),
        ("2025-01-19", "completeness"),
    ]
    assert path.weeks() == dict.fromkeys(_WEEKS, 10)


def test_a_vanished_row_goes_and_counts_may_fall(path: Path) -> None:
    path.deliver([row for week in _WEEKS for row in _week("c1", week, 10)])
    path.refresh()
    path.delete("start_date = '2025-01-12' AND search_query IN ('q1', 'q2')")
    path.deliver(_week("c1", _WEEKS[1], 1, asin_impression_count=7, asin_impression_share=0.00007, batch_id="b2"))
    assert path.refresh()["status"] == "success"
    assert path.weeks()[_WEEKS[1]] == 8
    [row] = path.engine.sql(
        f"SELECT asin_impression_count FROM {_PERFORMANCE} WHERE search_query_key = 'q0' AND period_start = :week",
        week=_WEEKS[1],
    )
    assert row["asin_impression_count"] == 7


def test_monday_weeks_are_held_and_months_beside_them_are_not(path: Path) -> None:
    month = {"report_period": "MONTH"}
    path.deliver([*_week("c1", date(2025, 1, 6), 4), *_week("c1", date(2025, 1, 1), 2, **month)])
    task = path.refresh()
    assert (task["status"], path.failed(task)[0][:3]) == ("warning", ("2025-01-06", "period_not_whole", "hold"))
    assert path.weeks() == {date(2025, 1, 1): 2}


def test_own_above_total_is_published_with_a_warning(path: Path) -> None:
    path.deliver([*_week("c1", SUNDAY, 3), *_week("c1", SUNDAY, 1, search_query="odd", asin_click_count=2_001)])
    task = path.refresh()
    assert (task["status"], task["reason"], task["error"]) == ("warning", "checks_warned", None)
    assert [failed[1] for failed in path.failed(task)] == ["own_exceeds_total", "share_differs"]
    assert path.weeks() == {SUNDAY: 4}
    assert path.refresh()["status"] == "no_new_data"


def test_the_registry_decides_what_holds(path: Path) -> None:
    path.engine.sql(
        "UPDATE refresh.refresh_table_registry SET checks = :checks WHERE table_name = 'search_query_performance'",
        checks='{"own_exceeds_total": {"outcome": "hold", "max": 0.2}}',
    )
    path.deliver([*_week("c1", SUNDAY, 3), *_week("c1", SUNDAY, 1, search_query="odd", asin_click_count=2_001)])
    task = path.refresh()
    assert (task["status"], path.weeks()) == ("held", {})
    assert "own_exceeds_total is 0.25, at most 0.2" in task["error"]


def test_the_export_with_the_last_day_of_the_week_is_a_matter_of_its_column_map(
    engine: Engine, bigquery_env: BigQueryEnv
) -> None:
    engine.sql("DELETE FROM refresh.refresh_table_registry")
    saturday = SUNDAY + timedelta(days=6)
    rows = [source_row("knife", "A1", _TOTALS, (100, 10, 4, 1), percent=True) | {"start_date": saturday}]
    placed = load(bigquery_env.client, engine.dataset, EXPORT, rows)
    for name in DATASETS:
        handler = "asin" if name == "asin_performance_data" else "search_queries"
        engine.register(
            f"sqp.{name}", placed.table, handler=handler, column_map=EXPORT.column_map | {"Date": "end_date"}
        )
        assert engine.refresh(f"sqp.{name}", datasets=DATASETS)["status"] == "success"
        [row] = engine.sql(f"SELECT period_start, period_end FROM sqp.{name}")
        assert (row["period_start"], row["period_end"]) == (SUNDAY, saturday)
    assert {task["status"] for task in (engine.refresh(f"sqp.{name}", datasets=DATASETS) for name in DATASETS)} == {
        "no_new_data"
    }
