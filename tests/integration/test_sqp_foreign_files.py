"""Files that nobody here made, in both shapes, with every trap in them: tables, views and functions give the truth."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest

from infra.local.sample.shapes import Shape, SourceColumn
from infra.local.sample.tables import append_rows, create_table
from tests.conftest import BigQueryEnv
from tests.support.engine import Engine
from tests.support.sqp import DATASETS, SUMMARIES, by_key
from tests.support.sqp_truth import (
    MARKET,
    OWN,
    PERIOD,
    SHARES,
    STAGES,
    TOTALS,
    Report,
    Row,
    at_eight,
    delivered,
    earlier,
    figures,
    in_spellings,
    of_queries,
    report,
    standing,
    weeks,
)

_BRANDS = {"A1": "Edge", "A2": "Edge", "A3": "Rival & Söhne"}
"""In marketplace US of client c1; all others are unmapped."""
_CLASSES = {"rival": "competitor", "edge wise knife": "branded"}
_LATE = datetime(2025, 4, 2, 3, 4, 5, tzinfo=UTC)
_EARLY = datetime(2025, 3, 9, 3, tzinfo=UTC)


def _columns(prefix: dict[str, tuple[str, str]], names: dict[str, str]) -> tuple[SourceColumn, ...]:
    """`prefix`: field to source column and type; the counts and shares of each stage go by `names`."""
    columns = [SourceColumn(name=name, type=kind, field=field) for field, (name, kind) in prefix.items()]
    for stage, own, total, share in zip(STAGES, OWN, TOTALS, SHARES, strict=True):
        word = names[stage]
        columns += [
            SourceColumn(name=f"{word} - total", type="INT64", field=total),
            SourceColumn(name=f"{word} - own", type="FLOAT64", field=own),
            SourceColumn(name=f"{word} - own %", type="NUMERIC", field=share),
        ]
    return tuple(columns)


def _export(dataset: str) -> Shape:
    """Week-ending days as TIMESTAMP, no period column, no time of ingestion, names with blanks, hyphens and signs."""
    return Shape(
        dataset=dataset,
        table="sqp-export-eu-2025",
        columns=_columns(
            {
                "client_id": ("Seller-Name", "STRING"),
                "end_date": ("Week-Ending", "TIMESTAMP"),
                "marketplace_id": ("Country-Region", "STRING"),
                "asin": ("Child-ASIN", "STRING"),
                "parent_asin": ("Parent ASIN", "STRING"),
                "search_query": ("Search Term", "STRING"),
                "search_query_volume": ("Search Term Volume", "FLOAT64"),
            },
            {"impression": "Views", "click": "Clicks", "cart_add": "Basket adds", "purchase": "Orders"},
        ),
    )


def _landing(dataset: str) -> Shape:
    """Append-only with redeliveries, a period column, and names of its own."""
    return Shape(
        dataset=dataset,
        table="raw_sqp",
        columns=_columns(
            {
                "client_id": ("account", "STRING"),
                "report_period": ("granularity", "STRING"),
                "start_date": ("period_from", "DATE"),
                "end_date": ("period_to", "DATE"),
                "marketplace_id": ("country", "STRING"),
                "asin": ("asin", "STRING"),
                "parent_asin": ("family", "STRING"),
                "search_query": ("term", "STRING"),
                "search_query_volume": ("volume", "INT64"),
                "batch_id": ("load", "STRING"),
                "ingested_at": ("loaded_on", "TIMESTAMP"),
            },
            {"impression": "impr", "click": "clk", "cart_add": "atc", "purchase": "ord"},
        ),
    )


class Files:
    """Source tables of one shape, the path into the warehouse, and what is to be found there."""

    def __init__(self, engine: Engine, env: BigQueryEnv, shape: Shape) -> None:
        self.engine, self.env, self.shape = engine, env, shape
        create_table(env.client, env.project, shape)
        engine.sql("DELETE FROM refresh.refresh_table_registry")
        for name in DATASETS:
            handler = "asin" if name == "asin_performance_data" else "search_queries"
            engine.register(f"sqp.{name}", shape.table, handler=handler, column_map=shape.column_map)

    def deliver(self, rows: Iterable[Row]) -> None:
        named = []
        for row in rows:
            values = {column.name: row[column.field or ""] for column in self.shape.columns}
            if "Week-Ending" in values:
                values["Week-Ending"] = at_eight(row["end_date"])
            named.append(values)
        append_rows(self.env.client, self.env.project, self.shape, named)

    def refresh(self) -> dict[str, tuple[str, str | None]]:
        """Statuses and reasons of the three tables; summaries are refreshed after them."""
        tasks = {name: self.engine.refresh(f"sqp.{name}", datasets=DATASETS) for name in DATASETS}
        for name in SUMMARIES:
            self.engine.sql(f"REFRESH MATERIALIZED VIEW CONCURRENTLY sqp.{name}")
        return {name: (task["status"], task["reason"]) for name, task in tasks.items()}

    def rows(self, table: str, *key: str) -> dict[Any, Row]:
        return by_key(self.engine.sql(f"SELECT * FROM sqp.{table}"), *key)


@pytest.fixture
def mapping(engine: Engine) -> None:
    for asin, brand in _BRANDS.items():
        engine.sql("INSERT INTO sqp.asin_brand_import VALUES ('c1', 'US', :asin, :brand)", asin=asin, brand=brand)
    engine.sql("SELECT sqp.add_brand_term('c1', 'Edge', 'Edge  WISE')")
    engine.sql("SELECT sqp.classify_query('c1', 'US', 'Rival', 'competitor')")


def _brand(one: Report, asin: str) -> str:
    return _BRANDS.get(asin, "unmapped") if (one.client, one.marketplace) == ("c1", "US") else "unmapped"


def _class(one: Report, query: str) -> str:
    if one.client != "c1" or (query == "rival" and one.marketplace != "US"):
        return "generic"
    return _CLASSES.get(query, "generic")


def _same(row: Row, expected: dict[str, Any], *, near: float = 1e-12) -> None:
    for name, value in expected.items():
        if isinstance(value, Fraction):
            assert row[name] is not None, name
            assert abs(Fraction(row[name]) - value) < near, name
        else:
            assert row[name] == value, name


def check_tables(files: Files, reports: list[Report]) -> None:
    performance = files.rows("search_query_performance", *PERIOD, "asin", "search_query_key")
    market = files.rows("search_query_market", *PERIOD, "search_query_key")
    asins = files.rows("asin_performance_data", *PERIOD, "asin")
    own = {(*one.key, *place): (one, counts) for one in reports for place, counts in one.own.items()}
    assert performance.keys() == own.keys()
    for key, (one, counts) in own.items():
        totals = one.market[key[-1]]
        expected: dict[str, Any] = dict(zip((*OWN, *MARKET), (*counts, *totals), strict=True))
        _same(performance[key], expected | {"period_end": one.end})
        shares = {
            name: Fraction(part, whole) if whole else None
            for name, part, whole in zip(SHARES, counts, totals[1:], strict=True)
        }
        _same(performance[key], shares, near=1e-6)
    assert market.keys() == {(*one.key, query) for one in reports for query in standing(one)}
    for one in reports:
        for query, standing_on in standing(one).items():
            expected = dict(zip(MARKET, one.market[query], strict=True))
            _same(market[(*one.key, query)], expected | {"n_own_asins": len(standing_on), "totals_disagree": False})
        for asin in {asin for asin, _ in one.own}:
            mine = [counts for (name, _), counts in one.own.items() if name == asin]
            summed = dict(zip(OWN, map(sum, zip(*mine, strict=True)), strict=True))
            _same(asins[(*one.key, asin)], summed | {"n_queries": len(mine), "period_end": one.end})
    assert len(asins) == sum(len({asin for asin, _ in one.own}) for one in reports)


def check_totals(files: Files, reports: list[Report]) -> None:
    names = {"WEEK": "weekly_summary", "MONTH": "monthly_summary", "QUARTER": "quarterly_summary"}
    for kind, name in names.items():
        found = files.rows(name, "client_id", "marketplace_id", "period_start")
        wanted = {(one.client, one.marketplace, one.start): one for one in reports if one.kind == kind}
        assert found.keys() == wanted.keys()
        for place, one in wanted.items():
            on, asins = standing(one), {asin for asin, _ in one.own}
            counts = {"n_queries": len(on), "n_own_asins": len(asins), "n_totals_disagree": 0}
            _same(found[place], of_queries(one, on, asins) | counts)


def check_brands(files: Files, reports: list[Report]) -> None:
    brands = files.rows("brand_period_summary", *PERIOD, "brand")
    by_query = files.rows("search_performance_summary", *PERIOD, "brand", "search_query_key")
    for one in reports:
        on, everybody = standing(one), {asin for asin, _ in one.own}
        for brand in {_brand(one, asin) for asin in everybody}:
            mine = {asin for asin in everybody if _brand(one, asin) == brand}
            queries = {query for query, asins in on.items() if asins & mine}
            _same(brands.pop((*one.key, brand)), of_queries(one, queries, mine) | {"n_queries": len(queries)})
            for query in queries:
                expected = of_queries(one, {query}, mine) | {"n_own_asins": len(on[query] & mine)}
                _same(by_query.pop((*one.key, brand, query)), expected)
    assert (brands, by_query) == ({}, {})


def check_classes_and_products(files: Files, reports: list[Report]) -> None:
    classes = files.rows("query_class_summary", *PERIOD, "class")
    products = files.rows("asin_period_summary", *PERIOD, "asin")
    families = files.rows("parent_period_summary", *PERIOD, "parent_asin")
    for one in reports:
        on, everybody = standing(one), {asin for asin, _ in one.own}
        for kind in {_class(one, query) for query in on}:
            queries = {query for query in on if _class(one, query) == kind}
            _same(classes.pop((*one.key, kind)), of_queries(one, queries, everybody) | {"n_queries": len(queries)})
        for asin in everybody:
            queries = {query for query, asins in on.items() if asin in asins}
            _same(products.pop((*one.key, asin)), of_queries(one, queries, {asin}) | {"brand": _brand(one, asin)})
        for name, family in (("P1", {"A1", "A2"}), ("A3", {"A3"}), ("A4", {"A4"})):
            queries = {query for query, asins in on.items() if asins & family}
            if queries:
                _same(families.pop((*one.key, name)), of_queries(one, queries, family))
    assert (classes, products, families) == ({}, {}, {})


def check_cannibalisation(files: Files, reports: list[Report]) -> None:
    found = files.rows("cannibalisation_summary", *PERIOD, "search_query_key")
    for one in reports:
        for query, asins in standing(one).items():
            seen = {asin: one.own[asin, query][0] for asin in asins}
            if sum(count > 0 for count in seen.values()) < 2:
                continue
            whole = sum(seen.values())
            top = min(asins, key=lambda asin: (-seen[asin], asin))
            expected = {
                "n_own_asins": sum(count > 0 for count in seen.values()),
                "impression_hhi": sum((Fraction(count, whole) ** 2 for count in seen.values()), Fraction(0)),
                "top_asin": top,
                "top_asin_impression_share": Fraction(seen[top], whole),
            }
            _same(found.pop((*one.key, query)), expected)
    assert found == {}


def check_comparisons(files: Files, reports: list[Report]) -> None:
    """KPIs against the period before, and two of the functions, for client c1 in the US."""
    mine = {one.start: one for one in reports if one.key[:3] == ("c1", "US", "WEEK")}
    kpis = files.rows("brand_dashboard_kpis", *PERIOD, "brand")
    now, before = (mine[day] for day in sorted(mine)[-1:-3:-1])

    def edge(one: Report) -> dict[str, Any]:
        asins = {"A1", "A2"}
        return of_queries(one, [query for query, on in standing(one).items() if on & asins], asins)

    row = kpis[(*now.key, "Edge")]
    assert row["is_latest"]
    _same(
        row,
        {
            f"{name}_change": Fraction(edge(now)[name], edge(before)[name]) - 1 if edge(before)[name] else None
            for name in (*OWN, *MARKET)
        }
        | {
            f"{stage}_share_gap_pp": 100 * (edge(now)[f"{stage}_share"] - edge(before)[f"{stage}_share"])
            for stage in STAGES
        },
        near=1e-10,
    )
    first, last = min(mine), max(mine)
    for query in standing(now):
        [funnel] = files.engine.sql(
            "SELECT * FROM sqp.keyword_funnel('c1', 'US', 'WEEK', :query, :first, :last)",
            query=query.upper(),
            first=first,
            last=last,
        )
        on = [one for one in mine.values() if query in standing(one)]
        own = [counts for one in on for (_, name), counts in one.own.items() if name == query]
        _same(funnel, figures(own, [one.market[query] for one in on]) | {"n_periods": len(on)})
    lost = by_key(
        files.engine.sql("SELECT * FROM sqp.lost_purchases('c1', 'US', 'WEEK', :day, min_clicks => 0)", day=last),
        "search_query_key",
    )
    for query in standing(now):
        own_clicks, own_purchases = (sum(c[n] for (_, q), c in now.own.items() if q == query) for n in (1, 3))
        clicks, purchases = now.market[query][2], now.market[query][4]
        gap = max(Fraction(0), Fraction(own_clicks * purchases, clicks) - own_purchases)
        _same(lost[query], {"lost_purchases_gap": gap})


def _check(files: Files, reports: list[Report]) -> None:
    check_tables(files, reports)
    check_totals(files, reports)
    check_brands(files, reports)
    check_classes_and_products(files, reports)
    check_cannibalisation(files, reports)
    check_comparisons(files, reports)


@pytest.mark.usefixtures("mapping")
@pytest.mark.parametrize("seed", [1])
def test_an_export_with_week_ending_days(engine: Engine, bigquery_env: BigQueryEnv, seed: int) -> None:
    random_ = random.Random(seed)
    files = Files(engine, bigquery_env, _export(engine.dataset.split(".")[1]))
    # Over the turn of a year; the second marketplace has the same ASINs, the second client too.
    reports = [
        report(random_, client, place, period)
        for client, place in (("c1", "US"), ("c1", "DE"), ("c2", "US"))
        for period in weeks(date(2024, 12, 15), 4)
    ]
    rows = [row for one in reports for row in in_spellings(random_, delivered(one, scale=100))]
    random_.shuffle(rows)
    files.deliver(rows)
    assert {status for status, _ in files.refresh().values()} == {"success"}
    _check(files, reports)
    assert {status for status, _ in files.refresh().values()} == {"no_new_data"}


@pytest.mark.usefixtures("mapping")
@pytest.mark.parametrize("seed", [3])
def test_a_landing_table_with_redeliveries(engine: Engine, bigquery_env: BigQueryEnv, seed: int) -> None:
    random_ = random.Random(seed)
    files = Files(engine, bigquery_env, _landing(engine.dataset.split(".")[1]))
    periods = [
        *weeks(date(2025, 2, 23), 3),
        ("MONTH", date(2025, 2, 1), date(2025, 2, 28)),
        ("MONTH", date(2025, 3, 1), date(2025, 3, 31)),
        ("QUARTER", date(2025, 1, 1), date(2025, 3, 31)),
    ]
    accounts = (("c1", "US"), ("c1", "DE"), ("c2", "US"))
    reports = [report(random_, client, place, period) for client, place in accounts for period in periods]
    # What came first was in fractions and had other counts; what counts came in per cent, some of it twice.
    rows = [row for one in reports for row in in_spellings(random_, delivered(one, scale=100, arrived=_LATE))]
    again = [row for row in rows if random_.random() < 0.1]
    files.deliver(
        random_.sample(everything := [*rows, *again, *earlier(random_, rows, arrived=_EARLY)], len(everything))
    )
    assert set(files.refresh().values()) <= {("success", None), ("warning", "checks_warned")}
    _check(files, reports)

    # The same once more, a day later: no figure changes, and nothing is written.
    files.deliver(row | {"ingested_at": _LATE.replace(day=3), "batch_id": "again"} for row in rows)
    assert {status for status, _ in files.refresh().values()} <= {"no_new_data"}

    # One week is restated downwards and loses a query; its neighbours are left alone.
    old = next(one for one in reports if one.key == ("c1", "US", "WEEK", date(2025, 3, 2)))
    gone = "包丁"
    kept = {place: counts for place, counts in old.own.items() if place[1] != gone}
    new = Report(
        client=old.client,
        marketplace=old.marketplace,
        kind=old.kind,
        start=old.start,
        end=old.end,
        market={query: tuple(count // 2 + 1 for count in counts) for query, counts in old.market.items()},
        own={place: tuple(count // 3 for count in counts) for place, counts in kept.items()},
    )
    table = f"`{engine.dataset}.{files.shape.table}`"
    engine.bigquery(
        f"DELETE FROM {table} WHERE account = 'c1' AND country = 'US'"
        " AND granularity = 'WEEK' AND period_from = '2025-03-02'"
    )
    files.deliver(in_spellings(random_, delivered(new, scale=1, arrived=_LATE.replace(day=9))))
    assert set(files.refresh().values()) <= {("success", None), ("warning", "checks_warned")}
    _check(files, [new if one is old else one for one in reports])
