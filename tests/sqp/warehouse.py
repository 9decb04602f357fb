"""A warehouse for tests of its views and functions: rows go straight into the tables, the market from the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pg8000.native

from infra.local.sample.report import STAGES
from tests.support.sqp import SUNDAY, insert, refresh_summaries, select

type Row = dict[str, Any]
OWN = ("asin_impression_count", *(f"asin_{stage}_count" for stage in STAGES))
TOTALS = ("total_query_impression_count", *(f"total_{stage}_count" for stage in STAGES))
_KEY = ("client_id", "marketplace_id", "report_period", "period_start")
_LENGTHS = {"WEEK": 7, "MONTH": 31, "QUARTER": 92}


def row(
    query: str,
    asin: str,
    totals: tuple[int | None, ...],
    own: tuple[int | None, ...],
    *,
    start: date = SUNDAY,
    report_period: str = "WEEK",
    client: str = "c1",
    marketplace: str = "US",
    **other: Any,
) -> Row:
    """A row of search_query_performance. `totals`: volume, impressions, clicks, cart adds, purchases; `own`: the same
    without the volume."""
    after = start + timedelta(days=_LENGTHS[report_period])
    values: Row = {
        "client_id": client,
        "marketplace_id": marketplace,
        "report_period": report_period,
        "period_start": start,
        "period_end": (after if report_period == "WEEK" else after.replace(day=1)) - timedelta(days=1),
        "asin": asin,
        "parent_asin": None,
        "search_query_key": query.lower(),
        "search_query": query,
        "search_query_volume": totals[0],
    }
    return values | dict(zip(TOTALS, totals[1:], strict=True)) | dict(zip(OWN, own, strict=True)) | other


def fill(connection: pg8000.native.Connection, rows: Iterable[Row], *, schema: str = "sqp") -> None:
    """Put rows into the three tables as the workers would, and refresh every summary."""
    rows = list(rows)
    insert(connection, f"{schema}.search_query_performance", rows)
    market: dict[tuple[Any, ...], Row] = {}
    products: dict[tuple[Any, ...], Row] = {}
    for each in rows:
        period = {name: each[name] for name in (*_KEY, "period_end")}
        query = market.setdefault(
            tuple(each[name] for name in (*_KEY, "search_query_key")),
            period
            | {name: each[name] for name in ("search_query_key", "search_query", "search_query_volume", *TOTALS)}
            | {"n_own_asins": 0, "totals_disagree": False},
        )
        query["n_own_asins"] += 1
        product = products.setdefault(
            tuple(each[name] for name in (*_KEY, "asin")),
            period
            | {"asin": each["asin"], "parent_asin": each["parent_asin"], "title": f"Title {each['asin']}"}
            | {"n_queries": 0}
            | dict.fromkeys(OWN),
        )
        product["n_queries"] += 1
        for name in OWN:
            if each[name] is not None:
                product[name] = (product[name] or 0) + each[name]
    insert(connection, f"{schema}.search_query_market", market.values())
    insert(connection, f"{schema}.asin_performance_data", products.values())
    refresh_summaries(connection, schema)


def empty(connection: pg8000.native.Connection) -> None:
    """Take everything out of the warehouse."""
    connection.run(
        "TRUNCATE sqp.asin_performance_data, sqp.search_query_performance, sqp.search_query_market,"
        " sqp.brands, sqp.asin_brand_map, sqp.brand_terms, sqp.query_class, sqp.stale_alert"
    )


def call(connection: pg8000.native.Connection, text: str, **parameters: Any) -> list[Row]:
    """Rows of `SELECT * FROM sqp.<text>`; client c1, marketplace US and WEEK stand for `…`."""
    return select(connection, f"SELECT * FROM sqp.{text.replace('…', "'c1', 'US', 'WEEK'")}", **parameters)


EXAMPLE = (
    row("knife sharpener", "A1", (15_000, 100_000, 2_000, 500, 200), (5_000, 150, 30, 12)),
    row("knife sharpener", "A2", (15_000, 100_000, 2_000, 500, 200), (3_000, 50, 20, 6)),
    row("knife sharpener", "A3", (15_000, 100_000, 2_000, 500, 200), (2_000, 0, 0, 0)),
    row("sharpener", "A1", (8_000, 60_000, 1_000, 200, 80), (600, 10, 2, 1)),
)
SECOND_WEEK = SUNDAY + timedelta(weeks=1)
EXAMPLE_SECOND_WEEK = (
    row("knife sharpener", "A1", (15_500, 110_000, 2_100, 520, 210), (5_100, 160, 33, 14), start=SECOND_WEEK),
    row("knife sharpener", "A2", (15_500, 110_000, 2_100, 520, 210), (3_050, 45, 15, 5), start=SECOND_WEEK),
)
"""The worked example."""
