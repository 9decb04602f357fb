"""The summaries and dashboards: what adds up, what must not, and what is NULL."""

from datetime import date, timedelta
from decimal import Decimal

import pg8000.native
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.sample.reference_summaries import summaries
from infra.local.sample.verify import row_text, target_text
from tests.sqp.warehouse import EXAMPLE, EXAMPLE_SECOND_WEEK, OWN, SECOND_WEEK, TOTALS, Row, empty, fill, row
from tests.support.sqp import SUMMARIES, SUNDAY, by_key, select

type Connection = pg8000.native.Connection
_TOTALS = (100, 1_000, 50, 20, 10)


@st.composite
def _rows(draw: st.DrawFn) -> list[Row]:
    markets: dict[tuple[object, ...], tuple[int | None, ...]] = {}
    found: dict[tuple[object, ...], Row] = {}
    for _ in range(draw(st.integers(1, 30))):
        kind = draw(st.sampled_from(("WEEK", "MONTH", "QUARTER")))
        starts = {"WEEK": (date(2024, 12, 29), SUNDAY), "MONTH": (date(2025, 1, 1),), "QUARTER": (date(2025, 1, 1),)}
        start = draw(st.sampled_from(starts[kind]))
        client, marketplace = draw(st.sampled_from(("c1", "c2"))), draw(st.sampled_from(("US", "DE")))
        query, asin = draw(st.sampled_from(("q1", "q2", "q3"))), draw(st.sampled_from(("A1", "A2", "A3", "A4")))
        place = (client, marketplace, kind, start, query)
        count = st.one_of(st.none(), st.integers(0, 1_000))
        totals = markets.setdefault(place, draw(st.tuples(*(count for _ in range(5)))))
        own = draw(st.tuples(*(st.one_of(st.none(), st.integers(0, 50)) for _ in range(4))))
        found[*place, asin] = row(
            query, asin, totals, own, start=start, report_period=kind, client=client, marketplace=marketplace
        )
    return list(found.values())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_rows(), mapped=st.sets(st.sampled_from(("A1", "A2", "A3"))))
def test_every_summary_is_what_is_reckoned_in_python(warehouse: Connection, rows: list[Row], mapped: set[str]) -> None:
    empty(warehouse)
    warehouse.run("SELECT sqp.add_brand('c1', 'Edge')")
    for asin in mapped:
        warehouse.run("SELECT sqp.map_asin('c1', 'US', :asin, 'Edge')", asin=asin)
    fill(warehouse, rows)
    market = select(warehouse, "SELECT * FROM sqp.search_query_market")
    expected = summaries(rows, market, {("c1", "US", asin): "Edge" for asin in mapped})
    assert set(expected) == set(SUMMARIES)
    for name, contents in expected.items():
        columns = tuple(contents[0]) if contents else ("client_id",)
        assert sorted(target_text(warehouse, "sqp", name, columns).elements()) == sorted(
            row_text(one, columns) for one in contents
        )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_rows())
def test_market_figures_do_not_depend_on_how_many_own_asins_there_are(warehouse: Connection, rows: list[Row]) -> None:
    def market() -> list[Row]:
        columns = ", ".join(("client_id", "marketplace_id", "report_period", "period_start", *TOTALS))
        names = ("period_totals", "query_class_summary")
        return [
            one for name in names for one in select(warehouse, f"SELECT {columns} FROM sqp.{name} ORDER BY 1, 2, 3, 4")
        ]

    empty(warehouse)
    fill(warehouse, rows)
    before = market()
    empty(warehouse)
    more = [one | {"asin": f"{one['asin']}-{n}"} for one in rows for n in range(3)]
    fill(warehouse, rows + more)
    assert market() == before


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_rows())
def test_own_counts_add_up_over_brands_and_market_figures_do_not(warehouse: Connection, rows: list[Row]) -> None:
    empty(warehouse)
    warehouse.run("SELECT sqp.add_brand('c1', 'Edge'), sqp.map_asin('c1', 'US', 'A1', 'Edge')")
    fill(warehouse, rows)
    key = "client_id, marketplace_id, report_period, period_start"
    sums = ", ".join(f"sum({name}) AS {name}" for name in OWN)
    own = select(warehouse, f"SELECT {key}, {sums} FROM sqp.brand_period_summary GROUP BY {key} ORDER BY {key}")
    whole = select(warehouse, f"SELECT {key}, {', '.join(OWN)} FROM sqp.period_totals ORDER BY {key}")
    assert own == whole
    wrong = warehouse.run(
        f"SELECT count(*) FROM sqp.brand_period_summary AS b JOIN sqp.period_totals AS p USING ({key})"
        " WHERE b.total_query_impression_count > p.total_query_impression_count"
    )
    assert wrong == [[0]]


def test_brands_share_a_market_which_is_not_split(warehouse: Connection) -> None:
    warehouse.run("SELECT sqp.add_brand('c1', 'Edge'), sqp.map_asin('c1', 'US', 'A1', 'Edge')")
    fill(warehouse, EXAMPLE)
    found = by_key(select(warehouse, "SELECT * FROM sqp.brand_period_summary"), "brand")
    assert (found["Edge"]["total_purchase_count"], found["unmapped"]["total_purchase_count"]) == (280, 200)
    assert (found["Edge"]["asin_purchase_count"], found["unmapped"]["asin_purchase_count"]) == (13, 6)
    assert found["Edge"]["purchase_share"] == pytest.approx(Decimal(13) / 280)


def test_a_parent_sums_its_children_and_takes_the_market_once(warehouse: Connection) -> None:
    fill(warehouse, [one | {"parent_asin": "P1" if one["asin"] != "A3" else None} for one in EXAMPLE])
    found = by_key(select(warehouse, "SELECT * FROM sqp.parent_period_summary"), "parent_asin")
    assert set(found) == {"P1", "A3"}
    family = found["P1"]
    assert (family["asin_purchase_count"], family["total_purchase_count"], family["search_query_volume"]) == (
        19,
        280,
        23_000,
    )
    assert found["A3"]["total_purchase_count"] == 200


def test_months_and_quarters_come_from_their_own_reports(warehouse: Connection) -> None:
    straddling = date(2025, 1, 26)
    rows = [
        row("q", "A1", _TOTALS, (9, 1, 0, 0), start=straddling),
        row("q", "A1", (400, 4_000, 200, 80, 40), (30, 6, 2, 1), start=date(2025, 1, 1), report_period="MONTH"),
        row("q", "A1", (900, 9_000, 450, 180, 90), (80, 9, 3, 2), start=date(2025, 1, 1), report_period="QUARTER"),
    ]
    fill(warehouse, rows)
    volumes = {
        name: [one["search_query_volume"] for one in select(warehouse, f"SELECT * FROM sqp.{name}_summary")]
        for name in ("weekly", "monthly", "quarterly")
    }
    assert volumes == {"weekly": [100], "monthly": [400], "quarterly": [900]}
    ends = [select(warehouse, f"SELECT period_end FROM sqp.{name}_summary")[0] for name in ("monthly", "quarterly")]
    assert [one["period_end"] for one in ends] == [date(2025, 1, 31), date(2025, 3, 31)]


def test_kpis_compare_with_the_period_and_the_year_before(warehouse: Connection) -> None:
    year = SECOND_WEEK - timedelta(days=364)
    old = row("knife sharpener", "A1", (10_000, 50_000, 0, 500, 100), (5_000, 0, 30, 10), start=year)
    fill(warehouse, [*EXAMPLE, *EXAMPLE_SECOND_WEEK, old])
    found = by_key(select(warehouse, "SELECT * FROM sqp.brand_dashboard_kpis"), "period_start")
    latest = found[SECOND_WEEK]
    assert [one["is_latest"] for _, one in sorted(found.items())] == [False, False, True]
    assert latest["asin_purchase_count_change"] == 0
    assert latest["total_purchase_count_change"] == pytest.approx(Decimal(210) / 280 - 1)
    assert latest["purchase_share_gap_pp"] == pytest.approx(100 * (Decimal(19) / 210 - Decimal(19) / 280))
    assert latest["asin_purchase_count_year_change"] == pytest.approx(Decimal("0.9"))
    assert latest["total_click_count_year_change"] is None
    assert latest["click_share_year_gap_pp"] is None
    assert found[SUNDAY]["asin_purchase_count_change"] is None


def test_dashboards_of_products_and_queries(warehouse: Connection) -> None:
    warehouse.run("SELECT sqp.add_brand('c1', 'Edge'), sqp.map_asin('c1', 'US', 'A1', 'Edge')")
    warehouse.run("SELECT sqp.add_brand_term('c1', 'Edge', 'knife')")
    fill(warehouse, [*EXAMPLE, *EXAMPLE_SECOND_WEEK])
    products = by_key(select(warehouse, "SELECT * FROM sqp.brand_dashboard_products"), "asin", "period_start")
    first = products["A1", SECOND_WEEK]
    assert (first["brand"], first["title"], first["total_purchase_count"]) == ("Edge", "Title A1", 210)
    assert first["asin_purchase_count_change"] == pytest.approx(Decimal(14) / 13 - 1)
    queries = by_key(
        select(warehouse, "SELECT * FROM sqp.brand_dashboard_queries WHERE period_start = :week", week=SUNDAY),
        "brand",
        "search_query_key",
    )
    assert queries["Edge", "knife sharpener"]["class"] == "branded"
    assert queries["Edge", "sharpener"]["class"] == "generic"
    unmapped = queries["unmapped", "knife sharpener"]
    assert (unmapped["lost_purchases_gap"], unmapped["lost_purchases_headroom"]) == (0, 194)
    assert queries["Edge", "knife sharpener"]["lost_purchases_gap"] == 3
    series = select(
        warehouse, "SELECT * FROM sqp.brand_dashboard_timeseries WHERE brand = 'Edge' ORDER BY period_start"
    )
    assert [one["asin_purchase_count"] for one in series] == [13, 14]


def test_cannibalisation_is_of_two_asins_at_least(warehouse: Connection) -> None:
    fill(warehouse, EXAMPLE)
    [found] = select(warehouse, "SELECT * FROM sqp.cannibalisation_summary")
    assert (found["search_query_key"], found["n_own_asins"], found["top_asin"]) == ("knife sharpener", 3, "A1")
    assert found["impression_hhi"] == pytest.approx(Decimal("0.38"))
    assert found["top_asin_impression_share"] == pytest.approx(Decimal("0.5"))


def test_nothing_divided_by_nothing_is_null_in_every_summary(warehouse: Connection) -> None:
    fill(warehouse, [row("q", asin, (0, 0, 0, 0, 0), (0, 0, 0, 0)) for asin in ("A1", "A2")])
    for name in SUMMARIES:
        for one in select(warehouse, f"SELECT * FROM sqp.{name}"):
            assert {value for key, value in one.items() if key.endswith(("_share", "_rate"))} <= {None}, name
