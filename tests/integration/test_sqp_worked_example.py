"""The worked example of the SQP domain, from both source shapes, through BigQuery's queries and Postgres' views."""

import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pg8000.native
import pytest

from infra.local.postgres import Postgres
from infra.local.sample.reference import Row
from infra.local.sample.shapes import EXPORT, LANDING, Shape
from tests.conftest import BigQueryEnv
from tests.support.sqp import (
    DATASETS,
    SUNDAY,
    by_key,
    insert,
    load,
    refresh_summaries,
    run_dataset,
    select,
    source_row,
    warehouse_connection,
)

_SECOND_WEEK = SUNDAY + timedelta(weeks=1)
_SHARPENER = (15_000, 100_000, 2_000, 500, 200)
_SECOND_SHARPENER = (15_500, 110_000, 2_100, 520, 210)


def _rows(percent: bool) -> list[Row]:
    first = [
        source_row("knife sharpener", "A1", _SHARPENER, (5_000, 150, 30, 12), percent=percent),
        source_row("knife sharpener", "A2", _SHARPENER, (3_000, 50, 20, 6), percent=percent),
        source_row("knife sharpener", "A3", _SHARPENER, (2_000, 0, 0, 0), percent=percent),
        source_row("sharpener", "A1", (8_000, 60_000, 1_000, 200, 80), (600, 10, 2, 1), percent=percent),
    ]
    second = [
        source_row("knife sharpener", "A1", _SECOND_SHARPENER, (5_100, 160, 33, 14), percent=percent),
        source_row("knife sharpener", "A2", _SECOND_SHARPENER, (3_050, 45, 15, 5), percent=percent),
    ]
    return first + [row | {"start_date": _SECOND_WEEK} for row in second]


@pytest.fixture(
    scope="module",
    params=[(LANDING, False), (LANDING, True), (EXPORT, True)],
    ids=["landing in fractions", "landing in per cent", "export"],
)
def warehouse(
    request: pytest.FixtureRequest, bigquery_env: BigQueryEnv, postgres: Postgres
) -> Iterator[pg8000.native.Connection]:
    """The tables of `sqp` filled from the example, its summaries refreshed."""
    shape: Shape
    shape, percent = request.param
    name = f"worked_example_{uuid.uuid4().hex[:12]}"
    bigquery_env.client.create_dataset(f"{bigquery_env.project}.{name}")
    placed = load(bigquery_env.client, f"{bigquery_env.project}.{name}", shape, _rows(percent))
    with warehouse_connection(postgres.ensure_database(name)) as connection:
        for table, dataset in DATASETS.items():
            insert(connection, f"sqp.{table}", run_dataset(bigquery_env.client, bigquery_env.project, dataset, placed))
        refresh_summaries(connection)
        yield connection
    postgres.drop_database(name)


def _week(warehouse: pg8000.native.Connection) -> Row:
    return by_key(select(warehouse, "SELECT * FROM sqp.weekly_summary"), "period_start")[SUNDAY]


def test_a_week_takes_every_total_once(warehouse: pg8000.native.Connection) -> None:
    week = _week(warehouse)
    assert week["period_end"] == date(2025, 1, 11)
    assert week["search_query_volume"] == 23_000
    assert week["total_query_impression_count"] == 160_000
    assert week["total_click_count"] == 3_000
    assert week["total_cart_add_count"] == 700
    assert week["total_purchase_count"] == 280
    assert (week["asin_impression_count"], week["asin_click_count"]) == (10_600, 210)
    assert (week["asin_cart_add_count"], week["asin_purchase_count"]) == (52, 19)
    assert (week["n_queries"], week["n_own_asins"]) == (2, 3)


@pytest.mark.parametrize(
    ("column", "part", "whole"),
    [
        ("impression_share", 10_600, 160_000),
        ("click_share", 210, 3_000),
        ("cart_add_share", 52, 700),
        ("purchase_share", 19, 280),
        ("click_through_rate", 210, 10_600),
        ("cart_add_rate", 52, 210),
        ("purchase_rate", 19, 210),
        ("cart_to_purchase_rate", 19, 52),
        ("market_click_through_rate", 3_000, 160_000),
        ("market_cart_add_rate", 700, 3_000),
        ("market_purchase_rate", 280, 3_000),
        ("market_cart_to_purchase_rate", 280, 700),
    ],
)
def test_ratios_are_divided_last(warehouse: pg8000.native.Connection, column: str, part: int, whole: int) -> None:
    assert _week(warehouse)[column] == pytest.approx(Decimal(part) / Decimal(whole), abs=Decimal("1e-15"))


def test_shares_of_the_week_in_per_cent(warehouse: pg8000.native.Connection) -> None:
    week = _week(warehouse)
    shares = [week[f"{stage}_share"] * 100 for stage in ("impression", "click", "cart_add", "purchase")]
    assert [round(share, 3) for share in shares] == [Decimal("6.625"), Decimal("7"), Decimal("7.429"), Decimal("6.786")]


def test_lost_purchases_on_one_query(warehouse: pg8000.native.Connection) -> None:
    rows = select(
        warehouse,
        "SELECT asin_click_count AS c, asin_purchase_count AS p, total_click_count AS cc, total_purchase_count AS pp"
        " FROM sqp.search_performance_summary WHERE search_query_key = 'knife sharpener' AND period_start = :week",
        week=SUNDAY,
    )
    assert rows == [{"c": 200, "p": 18, "cc": 2_000, "pp": 200}]
    own, market = (Decimal(rows[0]["c"]), Decimal(rows[0]["p"])), (Decimal(rows[0]["cc"]), Decimal(rows[0]["pp"]))
    assert market[1] - own[1] == 182
    assert own[0] * market[1] / market[0] - own[1] == 2
    rest = own[0] * (market[1] - own[1]) / (market[0] - own[0]) - own[1]
    assert round(rest, 2) == Decimal("2.22")


def test_two_weeks_of_one_query(warehouse: pg8000.native.Connection) -> None:
    [row] = select(
        warehouse,
        "SELECT sum(total_purchase_count) AS market, sum(asin_purchase_count) AS own"
        " FROM sqp.search_performance_summary WHERE search_query_key = 'knife sharpener'",
    )
    assert (row["market"], row["own"]) == (410, 37)
    assert round(row["own"] / row["market"] * 100, 2) == Decimal("9.02")


def test_asins_sum_their_queries(warehouse: pg8000.native.Connection) -> None:
    rows = by_key(
        select(warehouse, "SELECT * FROM sqp.asin_performance_data WHERE period_start = :week", week=SUNDAY), "asin"
    )
    figures: dict[str, tuple[Any, ...]] = {
        asin: (
            row["n_queries"],
            row["asin_impression_count"],
            row["asin_click_count"],
            row["asin_cart_add_count"],
            row["asin_purchase_count"],
        )
        for asin, row in rows.items()
    }
    assert figures == {"A1": (2, 5_600, 160, 32, 13), "A2": (1, 3_000, 50, 20, 6), "A3": (1, 2_000, 0, 0, 0)}


def test_shares_are_stored_as_fractions(warehouse: pg8000.native.Connection) -> None:
    rows = by_key(
        select(
            warehouse,
            "SELECT * FROM sqp.search_query_performance WHERE period_start = :week AND search_query_key = :query",
            week=SUNDAY,
            query="knife sharpener",
        ),
        "asin",
    )
    assert rows["A1"]["asin_impression_share"] == Decimal("0.05")
    assert rows["A1"]["asin_purchase_share"] == Decimal("0.06")
    assert rows["A3"]["asin_click_share"] == 0
    [warnings] = select(warehouse, "SELECT * FROM sqp.quality_warnings WHERE period_start = :week", week=SUNDAY)
    assert (warnings["n_share_differs"], warnings["n_own_exceeds_total"]) == (0, 0)


def test_the_brand_bucket_of_unmapped_asins_keeps_the_whole_market(warehouse: pg8000.native.Connection) -> None:
    warehouse.run("BEGIN")
    warehouse.run("INSERT INTO sqp.brands (client_id, brand) VALUES ('c1', 'Edgewise'), ('c1', 'Other')")
    warehouse.run(
        "INSERT INTO sqp.asin_brand_map (client_id, marketplace_id, asin, origin, brand_id)"
        " SELECT 'c1', 'US', asin, origin, brand_id FROM sqp.brands JOIN (VALUES"
        " ('A1', 'manual', 'Edgewise'), ('A1', 'automatic', 'Other')) AS entry (asin, origin, brand) USING (brand)"
    )
    warehouse.run("REFRESH MATERIALIZED VIEW CONCURRENTLY sqp.search_performance_summary")
    rows = by_key(
        select(
            warehouse,
            "SELECT * FROM sqp.search_performance_summary WHERE period_start = :week AND search_query_key = :query",
            week=SUNDAY,
            query="knife sharpener",
        ),
        "brand",
    )
    warehouse.run("ROLLBACK")
    assert {brand: row["asin_purchase_count"] for brand, row in rows.items()} == {"Edgewise": 12, "unmapped": 6}
    assert {row["total_purchase_count"] for row in rows.values()} == {200}
    assert {row["n_own_asins"] for row in rows.values()} == {1, 2}
