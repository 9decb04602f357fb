"""The analyses against the worked example, by hand, and what they refuse."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pg8000.native
import pytest
from pg8000.exceptions import DatabaseError

from tests.bench.sqp import ANALYSES
from tests.sqp.warehouse import EXAMPLE, EXAMPLE_SECOND_WEEK, SECOND_WEEK, call, fill, row
from tests.support.sqp import SUNDAY, by_key, select

type Connection = pg8000.native.Connection
_TOTALS = (15_000, 100_000, 2_000, 500, 200)


def _near(value: object) -> object:
    return pytest.approx(Decimal(str(value)), abs=Decimal("1e-9"))


@pytest.fixture
def example(warehouse: Connection) -> Connection:
    fill(warehouse, [*EXAMPLE, *EXAMPLE_SECOND_WEEK])
    return warehouse


def test_the_funnel_of_one_query(example: Connection) -> None:
    [found] = call(example, "keyword_funnel(…, '  KNIFE   sharpener', :week)", week=SUNDAY)
    assert (found["search_query_key"], found["n_periods"]) == ("knife sharpener", 1)
    assert (found["asin_click_count"], found["total_click_count"], found["search_query_volume"]) == (200, 2_000, 15_000)
    assert found["impression_share"] == _near("0.1")
    assert found["purchase_share"] == _near("0.09")
    assert found["click_through_rate_index"] == 1
    assert found["purchase_rate_index"] == _near("0.9")
    assert call(example, "keyword_funnel(…, 'unheard of', :week)", week=SUNDAY) == []


def test_two_weeks_are_summed_before_they_are_divided(example: Connection) -> None:
    [found] = call(example, "keyword_funnel(…, 'knife sharpener', :a, :b)", a=SUNDAY, b=SECOND_WEEK)
    assert (found["n_periods"], found["asin_purchase_count"], found["total_purchase_count"]) == (2, 37, 410)
    assert round(found["purchase_share"] * 100, 2) == Decimal("9.02")


def test_the_shares_of_asins_add_up_to_that_of_the_query(example: Connection) -> None:
    example.run("SELECT sqp.add_brand('c1', 'Edge'), sqp.map_asin('c1', 'US', 'A1', 'Edge')")
    found = call(example, "keyword_market_share(…, 'knife sharpener', :week)", week=SUNDAY)
    assert [(one["asin"], one["brand"], one["asin_purchase_count"]) for one in found] == [
        ("A1", "Edge", 12),
        ("A2", "unmapped", 6),
        ("A3", "unmapped", 0),
    ]
    assert {one["total_purchase_count"] for one in found} == {200}
    assert sum(one["purchase_share"] for one in found) == _near("0.09")


def test_queries_side_by_side_in_the_order_asked(example: Connection) -> None:
    found = call(
        example, "compare_keywords(…, ARRAY['sharpener', 'nothing', 'Knife Sharpener', 'SHARPENER'], :w)", w=SUNDAY
    )
    assert [one["search_query"] for one in found] == ["sharpener", "nothing", "knife sharpener"]
    assert [one["asin_click_count"] for one in found] == [10, None, 200]
    assert found[1]["click_share"] is None


def test_a_trend_names_changes_only_where_there_is_a_period_before(example: Connection) -> None:
    later = SECOND_WEEK + timedelta(weeks=2)
    fill(example, [row("knife sharpener", "A1", _TOTALS, (5_000, 150, 30, 12), start=later)])
    found = by_key(call(example, "keyword_trend(…, 'knife sharpener')"), "period_start")
    assert list(found) == [SUNDAY, SECOND_WEEK, later]
    assert found[SUNDAY]["purchase_share_gap_pp"] is None
    assert found[SECOND_WEEK]["asin_purchase_count_change"] == _near(Decimal(19) / 18 - 1)
    assert found[SECOND_WEEK]["purchase_share_gap_pp"] == _near(100 * (Decimal(19) / 210 - Decimal(18) / 200))
    assert found[later]["search_query_volume_change"] is None
    [only] = call(example, "keyword_trend(…, 'knife sharpener', :a, :a)", a=SECOND_WEEK)
    assert only["period_start"] == SECOND_WEEK


def test_periods_are_compared_over_the_queries_of_both(example: Connection) -> None:
    found = by_key(call(example, "compare_periods(…, :week)", week=SECOND_WEEK), "query_set")
    assert set(found) == {"common", "lost"}
    common = found["common"]
    assert (common["n_queries"], common["compared_period"]) == (1, SUNDAY)
    assert (common["asin_purchase_count"], common["previous_asin_purchase_count"]) == (19, 18)
    assert common["total_purchase_count_change"] == _near("0.05")
    assert common["purchase_share_gap_pp"] == _near(100 * (Decimal(19) / 210 - Decimal(18) / 200))
    lost = found["lost"]
    assert (lost["n_queries"], lost["previous_asin_purchase_count"], lost["asin_purchase_count"]) == (1, 1, None)
    assert lost["purchase_share_gap_pp"] is None


def test_a_year_before_a_week_is_364_days_and_over_the_turn_of_the_year(warehouse: Connection) -> None:
    now, then = date(2025, 1, 5), date(2024, 1, 7)
    fill(
        warehouse,
        [row("q", "A1", _TOTALS, (9, 4, 2, 1), start=day) for day in (now, then, now - timedelta(weeks=1))],
    )
    [found] = call(warehouse, "compare_periods(…, :week, 'yoy')", week=now)
    assert found["compared_period"] == then
    [found] = call(warehouse, "compare_periods(…, :week)", week=now)
    assert found["compared_period"] == date(2024, 12, 29)
    assert call(warehouse, "compare_periods(…, :week)", week=then) == []


@pytest.mark.parametrize(
    ("report_period", "start", "comparison", "expected"),
    [
        ("MONTH", date(2025, 1, 1), None, date(2024, 12, 1)),
        ("MONTH", date(2024, 3, 1), "MoM", date(2024, 2, 1)),
        ("MONTH", date(2024, 2, 1), "YoY", date(2023, 2, 1)),
        ("QUARTER", date(2025, 1, 1), "QoQ", date(2024, 10, 1)),
        ("WEEK", date(2024, 12, 29), "WoW", date(2024, 12, 22)),
    ],
)
def test_what_a_period_is_compared_with(
    warehouse: Connection, report_period: str, start: date, comparison: str | None, expected: date
) -> None:
    [found] = select(
        warehouse,
        "SELECT sqp.compared_start(:kind, :start, CAST(:comparison AS text)) AS start",
        kind=report_period,
        start=start,
        comparison=comparison,
    )
    assert found["start"] == expected


def test_new_and_lost_queries_are_those_of_reported_periods(example: Connection) -> None:
    fill(example, [row("whetstone", "A4", _TOTALS, (7, 1, 0, 0), start=SECOND_WEEK)])
    found = call(example, "new_and_lost_queries(…, :week)", week=SECOND_WEEK)
    assert [(one["query_set"], one["search_query_key"]) for one in found] == [
        ("lost", "sharpener"),
        ("new", "whetstone"),
    ]
    third = SECOND_WEEK + timedelta(weeks=1)
    for week in (SUNDAY, third):
        assert call(example, "new_and_lost_queries(…, :week)", week=week) == []


def test_movers_are_of_both_periods_and_of_enough_market(example: Connection) -> None:
    [found] = call(example, "share_movers(…, :week)", week=SECOND_WEEK)
    assert (found["search_query_key"], found["asin_count"], found["previous_total_count"]) == (
        "knife sharpener",
        19,
        200,
    )
    assert found["share_gap_pp"] == _near(100 * (Decimal(19) / 210 - Decimal(18) / 200))
    assert call(example, "share_movers(…, :week, NULL, 'purchase', 201)", week=SECOND_WEEK) == []
    [found] = call(example, "share_movers(…, :week, 'WoW', 'click')", week=SECOND_WEEK)
    assert found["share"] == _near(Decimal(205) / 2_100)


def test_lost_purchases_of_the_worked_example(example: Connection) -> None:
    found = by_key(call(example, "lost_purchases(…, :week)", week=SUNDAY), "search_query_key")
    knife = found["knife sharpener"]
    assert (knife["lost_purchases_headroom"], knife["lost_purchases_gap"]) == (182, 2)
    assert round(knife["lost_purchases_rest"], 2) == Decimal("2.22")
    assert knife["lost_purchases_visibility"] == 2
    assert found["sharpener"]["lost_purchases_gap"] == 0
    assert set(by_key(call(example, "lost_purchases(…, :w, NULL, 11)", w=SUNDAY), "search_query_key")) == {
        "knife sharpener"
    }


def test_gaps_of_rates_want_enough_events(example: Connection) -> None:
    found = by_key(call(example, "ctr_gap(…, :week)", week=SUNDAY), "search_query_key")
    assert found["sharpener"]["click_through_rate_index"] == 1
    assert found["knife sharpener"]["click_share_gap_pp"] == 0
    assert set(by_key(call(example, "ctr_gap(…, :w, NULL, 601)", w=SUNDAY), "search_query_key")) == {"knife sharpener"}
    [knife, sharpener] = call(example, "cvr_gap(…, :week)", week=SUNDAY)
    assert (knife["search_query_key"], knife["purchase_rate_index"]) == ("knife sharpener", _near("0.9"))
    assert knife["purchase_rate_gap_pp"] == -1
    assert knife["purchase_share_gap_pp"] == -1
    assert knife["rest_purchase_rate"] == _near(Decimal(182) / 1_800)
    assert (sharpener["lost_purchases_gap"], knife["lost_purchases_gap"]) == (0, 2)


def test_lost_purchases_are_the_same_figure_wherever_they_stand(warehouse: Connection) -> None:
    fill(warehouse, [row("thirds", "A1", (90, 1_000, 3_000, 1_001, 1_000), (100, 7_000, 1, 1))])
    [lost] = call(warehouse, "lost_purchases(…, :week)", week=SUNDAY)
    [gap] = call(warehouse, "cvr_gap(…, :week)", week=SUNDAY)
    assert lost["lost_purchases_gap"] == gap["lost_purchases_gap"] == round(Decimal(7_000_000) / 3_000 - 1, 16)
    [clicks] = call(warehouse, "ctr_gap(…, :week)", week=SUNDAY)
    assert clicks["lost_clicks"] == 0


def test_own_asins_that_share_a_query(example: Connection) -> None:
    [found] = call(example, "cannibalisation(…, :week)", week=SUNDAY)
    assert (found["search_query_key"], found["n_own_asins"], found["top_asin"]) == ("knife sharpener", 3, "A1")
    assert found["impression_hhi"] == _near("0.38")
    assert (found["top_asin_impression_share"], found["asins"]) == (_near("0.5"), ["A1", "A2", "A3"])
    [found] = call(example, "cannibalisation(…, :week, 2001)", week=SUNDAY)
    assert (found["n_own_asins"], found["asins"], found["impression_hhi"]) == (2, ["A1", "A2"], _near("0.38"))
    assert call(example, "cannibalisation(…, :week, 3001)", week=SUNDAY) == []


def test_prices_are_compared_in_one_currency(warehouse: Connection) -> None:
    def priced(asin: str, own: float | None, currency: str | None, market: float | None = 20.0) -> dict[str, Any]:
        return row(
            "q",
            asin,
            _TOTALS,
            (90, 9, 5, 4),
            asin_median_purchase_price_amount=own,
            asin_median_purchase_price_currency_code=currency,
            total_median_purchase_price_amount=market,
            total_median_purchase_price_currency_code="USD" if currency else None,
        )

    rows = [priced("A1", 25.0, "USD"), priced("A2", 25.0, "EUR"), priced("A3", None, "USD"), priced("A4", 10.0, None)]
    fill(warehouse, [*rows, priced("A5", 10.0, "USD", None)])
    found = call(warehouse, "price_position(…, :week)", week=SUNDAY)
    assert [(one["asin"], one["price_index"], one["price_currency_code"]) for one in found] == [
        ("A1", Decimal("1.25"), "USD"),
        ("A4", Decimal("0.5"), None),
    ]


def test_the_stage_at_which_a_query_loses_most(warehouse: Connection) -> None:
    fill(
        warehouse,
        [
            row("ad", "A1", _TOTALS, (10_000, 100, 25, 10)),
            row("offer", "A1", _TOTALS, (10_000, 300, 60, 10)),
            row("seen", "A1", _TOTALS, (1_000, 30, 12, 9)),
            row("few clicks", "A1", _TOTALS, (100, 4, 0, 0)),
            row("unseen", "A1", _TOTALS, (99, 99, 0, 0)),
        ],
    )
    found = by_key(call(warehouse, "funnel_stage(…, :week)", week=SUNDAY), "search_query_key")
    assert {key: one["funnel_stage"] for key, one in found.items()} == {
        "ad": "click",
        "offer": "purchase",
        "seen": "impression",
        "few clicks": None,
    }
    assert found["offer"]["purchase_share_gap_pp"] == -10


def test_a_better_rank_is_a_positive_change(warehouse: Connection) -> None:
    def ranked(score: int | None, start: date, asin: str = "A1") -> dict[str, Any]:
        return row("q", asin, _TOTALS, (9, 1, 0, 0), start=start, search_query_score=score)

    fill(
        warehouse, [ranked(5, SUNDAY), ranked(2, SECOND_WEEK), ranked(None, SUNDAY, "A2"), ranked(1, SECOND_WEEK, "A2")]
    )
    [found] = call(warehouse, "rank_changes(…, :week)", week=SECOND_WEEK)
    assert (found["asin"], found["search_query_score_change"]) == ("A1", 3)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("keyword_funnel('', 'US', 'WEEK', 'q', '2025-01-05')", "client is missing", ""),
        ("keyword_funnel('c1', 'US', 'DAY', 'q', '2025-01-05')", "report_period is DAY", "WEEK, MONTH or QUARTER"),
        ("keyword_funnel(…, ' ', '2025-01-05')", "query is missing", ""),
        ("keyword_funnel(…, 'q', '2025-01-06')", "2025-01-06 is no first day of a week", "2025-01-05"),
        ("keyword_funnel('c1', 'US', 'MONTH', 'q', '2025-01-05')", "no first day of a month", "2025-01-01"),
        ("keyword_funnel(…, 'q', '2025-01-12', '2025-01-05')", "is before first_period", "in order"),
        ("keyword_funnel(…, 'q', NULL)", "the period is missing", "first day"),
        ("keyword_trend(…, 'q', '2025-01-06')", "no first day", "2025-01-05"),
        ("compare_keywords(…, array_fill('q'::text, ARRAY[11]), '2025-01-05')", "has 11 queries", "1 to 10"),
        ("compare_keywords(…, '{}', '2025-01-05')", "has 0 queries", "1 to 10"),
        ("compare_periods(…, '2025-01-05', 'MoM')", "MoM does not suit report_period WEEK", "WoW or YoY"),
        ("share_movers(…, '2025-01-05', NULL, 'sale')", "stage is sale", "impression, click, cart_add, purchase"),
        ("price_position(…, '2025-01-05', 'impression')", "stage is impression", "click, cart_add, purchase"),
        ("lost_purchases(…, '2025-01-05', NULL, -1)", "minimum count is -1", "0 or more"),
        ("ctr_gap(…, '2025-01-05', NULL, 100, 0)", "max_rows is 0", "1 to 100000"),
        ("cannibalisation(…, '2025-01-05', NULL)", "minimum count is NULL", "0 or more"),
    ],
)
def test_wrong_parameters_are_named(warehouse: Connection, text: str, message: str, hint: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        call(warehouse, text)
    details = refused.value.args[0]
    assert details["C"] == "22023"
    assert message in details["M"]
    assert hint in details["H"]


def test_every_function_says_its_formula(warehouse: Connection) -> None:
    rows = select(
        warehouse,
        "SELECT p.proname AS name, obj_description(p.oid, 'pg_proc') AS said FROM pg_proc p"
        " WHERE p.pronamespace = 'sqp'::regnamespace AND p.proretset",
    )
    said = {one["name"]: one["said"] for one in rows}
    wanted = {
        *("keyword_funnel", "keyword_market_share", "compare_keywords", "keyword_trend", "compare_periods"),
        *("share_movers", "lost_purchases", "ctr_gap", "cvr_gap", "cannibalisation", "new_and_lost_queries"),
        *("price_position", "funnel_stage"),
    }
    assert wanted <= said.keys()
    assert all(text and len(text) > 40 for text in said.values())


def test_indexes_serve_the_analyses(warehouse: Connection) -> None:
    """At a small scale: no analysis reads a table whole. tests/bench/sqp.py measures them at five million rows."""
    warehouse.run(_MANY)
    warehouse.run("VACUUM ANALYZE sqp.search_query_performance")
    warehouse.run("VACUUM ANALYZE sqp.search_query_market")
    for name, text in ANALYSES.items():
        before = _sequential(warehouse)
        assert call(warehouse, text.replace("ATVPDKIKX0DER", "US")) or name in _NOTHING_CHANGES, name
        assert _sequential(warehouse) == before, name


_NOTHING_CHANGES = {"new_and_lost_queries, two weeks", "rank_changes, two weeks"}
_MANY = """
INSERT INTO sqp.search_query_market (client_id, marketplace_id, report_period, period_start, period_end,
    search_query_key, search_query, search_query_volume, total_query_impression_count, total_click_count,
    total_cart_add_count,
    total_purchase_count, n_own_asins, totals_disagree)
SELECT 'c1', 'US', 'WEEK', day, day + 6, 'search query no ' || q, 'search query no ' || q,
    90, 9000, 900, 90, 12, 3, false
FROM generate_series(0, 51) AS w CROSS JOIN LATERAL (SELECT date '2025-01-05' + w * 7 AS day) AS week
CROSS JOIN generate_series(1, 300) AS q;
INSERT INTO sqp.search_query_performance (client_id, marketplace_id, report_period, period_start, period_end, asin,
    search_query_key, search_query, search_query_score, asin_impression_count, asin_click_count, asin_cart_add_count,
    asin_purchase_count, asin_median_purchase_price_amount, total_median_purchase_price_amount)
SELECT client_id, marketplace_id, report_period, period_start, period_end, 'A' || a, search_query_key, search_query,
    a, 120, 9, 3, 1, 20, 22
FROM sqp.search_query_market CROSS JOIN generate_series(1, 3) AS a
"""


def _sequential(warehouse: Connection) -> list[Any]:
    warehouse.run("SELECT pg_stat_force_next_flush()")
    rows: list[Any] = warehouse.run(
        "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE schemaname = 'sqp' AND relname LIKE 'search_query_%'"
        " ORDER BY 1"
    )
    return rows
