"""What the warehouse's tables and views refuse and allow."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pg8000.native
import pytest
from pg8000.exceptions import DatabaseError

from infra.local.sample.targets import targets_sql
from tests.support.sqp import DATASETS, SUNDAY, insert, select, warehouse_connection

_CHECK_VIOLATION, _NUMERIC_OVERFLOW = "23514", "22003"


@pytest.fixture
def warehouse(postgres_url: str) -> Iterator[pg8000.native.Connection]:
    with warehouse_connection(postgres_url) as connection:
        yield connection


def _market(**changed: Any) -> dict[str, Any]:
    return {
        "client_id": "c1",
        "marketplace_id": "US",
        "report_period": "WEEK",
        "period_start": SUNDAY,
        "period_end": SUNDAY + timedelta(days=6),
        "search_query_key": "knife",
        "search_query": "knife",
        "search_query_volume": 10,
        "total_query_impression_count": 100,
        "n_own_asins": 1,
        "totals_disagree": False,
        **changed,
    }


def _performance(**changed: Any) -> dict[str, Any]:
    row = _market(asin="A1", asin_impression_count=10, asin_click_count=0, total_click_count=0, **changed)
    return {name: value for name, value in row.items() if name not in ("n_own_asins", "totals_disagree")}


@pytest.mark.parametrize(
    ("report_period", "start", "end"),
    [
        ("WEEK", date(2025, 1, 6), date(2025, 1, 12)),
        ("WEEK", SUNDAY, SUNDAY + timedelta(days=7)),
        ("MONTH", date(2025, 1, 1), date(2025, 1, 30)),
        ("MONTH", date(2025, 1, 2), date(2025, 1, 31)),
        ("QUARTER", date(2025, 2, 1), date(2025, 4, 30)),
        ("DAY", SUNDAY, SUNDAY),
    ],
)
def test_periods_must_be_whole(warehouse: pg8000.native.Connection, report_period: str, start: date, end: date) -> None:
    with pytest.raises(DatabaseError) as refused:
        insert(
            warehouse,
            "sqp.search_query_market",
            [_market(report_period=report_period, period_start=start, period_end=end)],
        )
    assert refused.value.args[0]["C"] == _CHECK_VIOLATION
    assert refused.value.args[0]["n"] == "period_is_whole"


@pytest.mark.parametrize(
    ("report_period", "start", "end"),
    [
        ("WEEK", date(2024, 12, 29), date(2025, 1, 4)),
        ("MONTH", date(2024, 2, 1), date(2024, 2, 29)),
        ("QUARTER", date(2024, 10, 1), date(2024, 12, 31)),
    ],
)
def test_whole_periods_are_taken(
    warehouse: pg8000.native.Connection, report_period: str, start: date, end: date
) -> None:
    row = _market(report_period=report_period, period_start=start, period_end=end)
    insert(warehouse, "sqp.search_query_market", [row])
    assert warehouse.run("SELECT count(*) FROM sqp.search_query_market") == [[1]]


def test_counts_are_not_negative(warehouse: pg8000.native.Connection) -> None:
    with pytest.raises(DatabaseError) as refused:
        insert(warehouse, "sqp.search_query_market", [_market(search_query_volume=-1)])
    assert refused.value.args[0]["C"] == _CHECK_VIOLATION


def test_a_percentage_does_not_fit_a_share(warehouse: pg8000.native.Connection) -> None:
    with pytest.raises(DatabaseError) as refused:
        insert(warehouse, "sqp.search_query_performance", [_performance(asin_impression_share=Decimal("10.5"))])
    assert refused.value.args[0]["C"] == _NUMERIC_OVERFLOW


def test_nothing_in_the_market_gives_null_and_not_zero(warehouse: pg8000.native.Connection) -> None:
    insert(warehouse, "sqp.search_query_market", [_market(total_click_count=0)])
    insert(warehouse, "sqp.search_query_performance", [_performance()])
    for view in ("weekly_summary", "search_performance_summary"):
        warehouse.run(f"REFRESH MATERIALIZED VIEW CONCURRENTLY sqp.{view}")
        [row] = select(warehouse, f"SELECT * FROM sqp.{view}")
        assert (row["click_share"], row["purchase_rate"], row["market_purchase_rate"]) == (None, None, None)
        assert (row["impression_share"], row["click_through_rate"]) == (Decimal("0.1"), 0)


def test_weeks_months_and_marketplaces_are_not_mixed(warehouse: pg8000.native.Connection) -> None:
    start = date(2025, 6, 1)
    month = {"report_period": "MONTH", "period_start": start, "period_end": date(2025, 6, 30)}
    week = {"report_period": "WEEK", "period_start": start, "period_end": date(2025, 6, 7)}
    periods = (month, week, week | {"marketplace_id": "DE"})
    insert(warehouse, "sqp.search_query_market", [_market(**period) for period in periods])
    insert(warehouse, "sqp.search_query_performance", [_performance(**period) for period in periods])
    for view in ("weekly_summary", "search_performance_summary"):
        warehouse.run(f"REFRESH MATERIALIZED VIEW CONCURRENTLY sqp.{view}")
    weekly = select(warehouse, "SELECT marketplace_id, search_query_volume FROM sqp.weekly_summary ORDER BY 1")
    assert weekly == [
        {"marketplace_id": "DE", "search_query_volume": 10},
        {"marketplace_id": "US", "search_query_volume": 10},
    ]
    assert warehouse.run("SELECT count(*) FROM sqp.search_performance_summary") == [[3]]


def test_what_a_delivery_got_wrong_is_counted(warehouse: pg8000.native.Connection) -> None:
    wrong = [
        _performance(asin_impression_share=Decimal("0.1")),
        _performance(search_query_key="q2", asin_impression_share=Decimal("0.11")),
        _performance(search_query_key="q3") | {"asin_impression_count": 101},
    ]
    for row in wrong:
        insert(warehouse, "sqp.search_query_performance", [row])
    [warning] = select(warehouse, "SELECT n_own_exceeds_total, n_share_differs FROM sqp.quality_warnings")
    assert warning == {"n_own_exceeds_total": 1, "n_share_differs": 1}


def test_targets_have_the_columns_and_keys_of_the_datasets(warehouse: pg8000.native.Connection) -> None:
    for name, dataset in DATASETS.items():
        columns = warehouse.run(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'sqp' AND table_name = :name"
            " AND column_name <> 'loaded_at' ORDER BY ordinal_position",
            name=name,
        )
        assert [column for (column,) in columns] == [column.name for column in dataset.columns]
        key = warehouse.run(
            "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
            " WHERE indrelid = CAST(:name AS regclass) AND indisprimary",
            name=f"sqp.{name}",
        )
        assert {column for (column,) in key} == set(dataset.key_columns)


def test_everything_says_what_it_is(warehouse: pg8000.native.Connection) -> None:
    silent = warehouse.run(
        "SELECT relname FROM pg_class WHERE relnamespace = 'sqp'::regnamespace AND relkind IN ('r', 'm', 'v')"
        " AND obj_description(oid, 'pg_class') IS NULL"
    )
    assert silent == []
    silent = warehouse.run(
        "SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attnum > 0 AND attrelid IN"
        " ('sqp.asin_performance_data'::regclass, 'sqp.search_query_performance'::regclass,"
        " 'sqp.search_query_market'::regclass) AND col_description(attrelid, attnum) IS NULL"
    )
    assert silent == []


def test_the_sample_brings_a_second_warehouse_and_brands(warehouse: pg8000.native.Connection) -> None:
    warehouse.run(targets_sql())
    kinds = "SELECT relname, relkind FROM pg_class WHERE relnamespace = CAST(:schema AS regnamespace) ORDER BY relname"
    assert warehouse.run(kinds, schema="sqp") == warehouse.run(kinds, schema="sqp_export")
    leak = "SELECT count(*) FROM pg_views WHERE schemaname = 'sqp_export' AND definition ~ '[^_]sqp\\.'"
    assert warehouse.run(leak) == [[0]]
    assert warehouse.run("SELECT count(DISTINCT brand_id) FROM sqp_export.asin_brand_map") == [[4]]
