"""The traps of the source, each shown to the queries that BigQuery runs."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from infra.local.sample.reference import Row
from infra.local.sample.shapes import EXPORT, LANDING, Shape
from tests.conftest import BigQueryEnv
from tests.support.sqp import DATASETS, SUNDAY, by_key, load, rendered, reports, run_dataset, source_row

_TOTALS = (15_000, 100_000, 2_000, 500, 200)
_MONDAY = datetime(2025, 1, 13, 4, tzinfo=UTC)


class Warehouse:
    """The emulator, and a dataset of the test's own."""

    def __init__(self, env: BigQueryEnv, dataset: str) -> None:
        self.env, self.dataset = env, dataset

    def yields(self, table: str, rows: list[Row], shape: Shape = LANDING) -> list[Row]:
        """What the query of `table` makes of `rows`; no row may get lost on the way."""
        placed = load(self.env.client, self.dataset, shape, rows)
        found = run_dataset(self.env.client, self.env.project, DATASETS[table], placed)
        assert sum(1 + row["refresh_superseded"] + row["refresh_merged"] for row in found) == len(rows)
        return found


@pytest.fixture
def warehouse(bigquery_env: BigQueryEnv, bigquery_dataset: str) -> Warehouse:
    return Warehouse(bigquery_env, bigquery_dataset)


def test_spellings_of_one_query_add_up_and_totals_do_not(warehouse: Warehouse) -> None:
    spellings = ["knife sharpener", "  Knife   SHARPENER ", "ｋｎｉｆｅ\u3000sharpener", "knife\u00a0sharpener"]
    rows = [source_row(text, "A1", _TOTALS, (100, 10, 4, 1)) for text in spellings]
    [performance] = warehouse.yields("search_query_performance", rows)
    assert performance["search_query_key"] == "knife sharpener"
    assert performance["asin_impression_count"] == 400
    assert performance["asin_purchase_count"] == 4
    assert performance["total_query_impression_count"] == 100_000
    assert performance["asin_impression_share"] == Decimal("0.004")
    assert (performance["refresh_merged"], performance["refresh_superseded"]) == (3, 0)
    [market] = warehouse.yields("search_query_market", rows)
    assert (market["search_query_volume"], market["n_own_asins"]) == (15_000, 1)
    [asin] = warehouse.yields("asin_performance_data", rows)
    assert (asin["n_queries"], asin["asin_click_count"]) == (1, 40)


def test_emoji_and_sharp_s_are_kept_apart_and_folded(warehouse: Warehouse) -> None:
    texts = ["🔪 messer", "🥄 messer", "Straße", "STRASSE"]
    found = warehouse.yields(
        "search_query_performance", [source_row(text, "A1", _TOTALS, (100, 10, 4, 1)) for text in texts]
    )
    assert {row["search_query_key"] for row in found} == {"🔪 messer", "🥄 messer", "strasse"}


def test_a_redelivery_supersedes_and_is_not_added(warehouse: Warehouse) -> None:
    first = source_row("knife", "A1", _TOTALS, (100, 10, 4, 1), batch_id="b1", ingested_at=_MONDAY)
    again = source_row("knife", "A1", _TOTALS, (120, 11, 4, 1), batch_id="b2", ingested_at=_MONDAY + timedelta(days=7))
    for rows in ([first, again], [again, first]):
        [row] = warehouse.yields("search_query_performance", rows)
        assert (row["asin_impression_count"], row["refresh_superseded"], row["refresh_merged"]) == (120, 1, 0)
        [asin] = warehouse.yields("asin_performance_data", rows)
        assert (asin["asin_impression_count"], asin["refresh_superseded"]) == (120, 1)


def test_a_redelivery_of_one_spelling_is_taken_out_before_spellings_add_up(warehouse: Warehouse) -> None:
    rows = [
        source_row("knife", "A1", _TOTALS, (100, 10, 4, 1), batch_id="b1", ingested_at=_MONDAY),
        source_row("Knife", "A1", _TOTALS, (50, 5, 2, 0), batch_id="b1", ingested_at=_MONDAY),
        source_row("knife", "A1", _TOTALS, (101, 10, 4, 1), batch_id="b2", ingested_at=_MONDAY + timedelta(days=7)),
    ]
    [row] = warehouse.yields("search_query_performance", rows)
    assert (row["asin_impression_count"], row["search_query"]) == (151, "knife")
    assert (row["refresh_superseded"], row["refresh_merged"]) == (1, 1)


def test_a_redelivery_with_nothing_new_changes_nothing_but_its_count(warehouse: Warehouse) -> None:
    rows = [source_row("knife", asin, _TOTALS, (100, 10, 4, 1), batch_id="b1", ingested_at=_MONDAY) for asin in "AB"]
    later = [row | {"batch_id": "b2", "ingested_at": _MONDAY + timedelta(days=7)} for row in rows]
    for table, dataset in DATASETS.items():
        names = [column.name for column in dataset.columns]
        before = [[row[name] for name in names] for row in warehouse.yields(table, rows)]
        after = [[row[name] for name in names] for row in warehouse.yields(table, rows + later)]
        assert sorted(before, key=str) == sorted(after, key=str)


def test_rows_that_came_together_are_chosen_by_what_they_say(warehouse: Warehouse) -> None:
    one = source_row("knife", "A1", _TOTALS, (100, 10, 4, 1))
    other = one | {"search_query_volume": 14_000}
    for table in ("search_query_performance", "search_query_market"):
        volumes = {warehouse.yields(table, rows)[0]["search_query_volume"] for rows in ([one, other], [other, one])}
        assert len(volumes) == 1


def test_the_latest_total_wins_and_the_disagreement_is_marked(warehouse: Warehouse) -> None:
    rows = [
        source_row("knife", "A1", _TOTALS, (100, 10, 4, 1), batch_id="b1", ingested_at=_MONDAY),
        source_row("knife", "A2", (15_500, *_TOTALS[1:]), (50, 5, 2, 0), batch_id="b2", ingested_at=_MONDAY),
        source_row("peeler", "A1", _TOTALS, (9, 1, 0, 0), batch_id="b1", ingested_at=_MONDAY),
    ]
    found = by_key(warehouse.yields("search_query_market", rows), "search_query_key")
    assert found["knife"]["totals_disagree"]
    assert (found["knife"]["search_query_volume"], found["knife"]["n_own_asins"]) == (15_500, 2)
    assert not found["peeler"]["totals_disagree"]


def test_a_missing_total_beside_a_delivered_one_disagrees(warehouse: Warehouse) -> None:
    rows = [source_row("knife", asin, _TOTALS, (100, 10, 4, 1)) for asin in ("A1", "A2")]
    rows[0]["total_same_day_shipping_click_count"] = 7
    [market] = warehouse.yields("search_query_market", rows)
    assert market["totals_disagree"]


def test_what_was_not_delivered_stays_null(warehouse: Warehouse) -> None:
    row = source_row("knife", "A1", (10, 50, 0, 0, 0), (5, 0, 0, 0), asin_median_click_price_amount=None)
    [performance] = warehouse.yields("search_query_performance", [row])
    empty = ("parent_asin", "asin_click_share", "asin_median_click_price_amount", "total_median_click_price_amount")
    assert [performance[name] for name in empty] == [None] * 4
    assert performance["asin_click_count"] == 0
    [asin] = warehouse.yields("asin_performance_data", [row])
    assert (asin["parent_asin"], asin["title"]) == (None, None)


def test_the_latest_known_parent_and_title_describe_an_asin(warehouse: Warehouse) -> None:
    rows = [
        source_row("knife", "A1", _TOTALS, (1, 0, 0, 0), parent_asin="P1", ingested_at=_MONDAY),
        source_row("peeler", "A1", _TOTALS, (1, 0, 0, 0), parent_asin="P2", ingested_at=_MONDAY + timedelta(days=1)),
        source_row("slicer", "A1", _TOTALS, (1, 0, 0, 0), ingested_at=_MONDAY + timedelta(days=2)),
    ]
    [asin] = warehouse.yields("asin_performance_data", rows)
    assert asin["parent_asin"] == "P2"
    exported = [source_row("knife", "A1", _TOTALS, (1, 0, 0, 0), title="Steel Knife", percent=True)]
    placed = [row | {"parent_asin": None} for row in exported]
    [asin] = warehouse.yields("asin_performance_data", placed, EXPORT)
    assert (asin["title"], asin["parent_asin"]) == ("Steel Knife", None)


def test_one_asin_in_two_marketplaces_and_clients_stays_apart(warehouse: Warehouse) -> None:
    rows = [
        source_row("knife", "A1", _TOTALS, (100, 10, 4, 1)) | {"client_id": client, "marketplace_id": marketplace}
        for client in ("c1", "c2")
        for marketplace in ("US", "DE")
    ]
    for table in DATASETS:
        found = by_key(warehouse.yields(table, rows), "client_id", "marketplace_id")
        assert len(found) == 4


def test_percent_and_fractions_are_told_apart_by_client_and_week(warehouse: Warehouse) -> None:
    def rows(client: str, week: date, percent: bool) -> list[Row]:
        base = [source_row(f"q{n}", "A1", _TOTALS, (n + 1, n // 2, 0, 0), percent=percent) for n in range(9)]
        return [row | {"client_id": client, "start_date": week} for row in base]

    weeks = (SUNDAY, SUNDAY + timedelta(weeks=1))
    mixed = rows("c1", weeks[0], True) + rows("c2", weeks[0], False) + rows("c1", weeks[1], False)
    for row in warehouse.yields("search_query_performance", mixed):
        exact = row["asin_impression_count"] / 100_000
        assert row["asin_impression_share"] == pytest.approx(Decimal(exact), abs=Decimal("0.0000001"))


def test_small_percentages_rounded_to_two_digits_are_no_fractions(warehouse: Warehouse) -> None:
    rows = [
        source_row(f"q{n}", "A1", _TOTALS, (n, 0, 0, 0)) | {"asin_impression_share": round(n / 1_000, 2)}
        for n in range(1, 30)
    ]
    found = by_key(warehouse.yields("search_query_performance", rows), "search_query_key")
    assert max(row["asin_impression_share"] for row in rows) < 1
    assert found["q29"]["asin_impression_share"] == Decimal("0.0003")


_REPORT = ("c1", "US", "WEEK")
_CHECKED = [("search_query_performance", True), ("search_query_market", True), ("asin_performance_data", False)]
"""Tables, and whether the checks of shares are among theirs."""


def test_shares_in_neither_unit_are_reported(warehouse: Warehouse) -> None:
    row = source_row("knife", "A1", _TOTALS, (1_000, 10, 4, 1)) | {"asin_impression_share": 0.1}
    for table in ("search_query_performance", "search_query_market"):
        found = reports(DATASETS[table], warehouse.yields(table, [row]))
        assert found[_REPORT].failing["share_unit_ambiguous"] == 1


def test_a_redelivery_in_the_other_unit_keeps_the_shares_right(warehouse: Warehouse) -> None:
    def rows(percent: bool, queries: range, **arrival: Any) -> list[Row]:
        return [
            source_row(f"q{n}", "A1", _TOTALS, (40 + n, 4, 2, 1), percent=percent, **arrival) | {"start_date": SUNDAY}
            for n in queries
        ]

    first = rows(True, range(20), batch_id="b1", ingested_at=_MONDAY)
    again = rows(False, range(8), batch_id="b2", ingested_at=_MONDAY + timedelta(days=7))
    found = warehouse.yields("search_query_performance", first + again)
    for row in found:
        exact = Decimal(row["asin_impression_count"]) / 100_000
        assert row["asin_impression_share"] == pytest.approx(exact, abs=Decimal("0.0000001"))
    assert reports(DATASETS["search_query_performance"], found)[_REPORT].failing["share_unit_ambiguous"] == 0


def test_a_few_rows_in_no_unit_follow_their_report(warehouse: Warehouse) -> None:
    first = [
        source_row(f"q{n}", "A1", _TOTALS, (40, 4, 2, 1), percent=True, batch_id="b1", ingested_at=_MONDAY)
        for n in range(20)
    ]
    tiny = source_row("q0", "A1", _TOTALS, (4, 0, 0, 0), batch_id="b2", ingested_at=_MONDAY + timedelta(days=7))
    found = warehouse.yields("search_query_performance", [*first, tiny | {"asin_impression_share": 0.01}])
    assert by_key(found, "search_query_key")["q0"]["asin_impression_share"] == Decimal("0.0001")
    assert reports(DATASETS["search_query_performance"], found)[_REPORT].failing["share_unit_ambiguous"] == 0


def test_one_delivery_in_both_units_is_ambiguous(warehouse: Warehouse) -> None:
    rows = [source_row(f"q{n}", "A1", _TOTALS, (40, 4, 2, 1), percent=n % 2 == 0) for n in range(20)]
    found = reports(DATASETS["search_query_performance"], warehouse.yields("search_query_performance", rows))
    assert found[_REPORT].failing["share_unit_ambiguous"] == 20


@pytest.mark.parametrize("table", list(DATASETS))
def test_a_market_without_any_own_count_is_reported(warehouse: Warehouse, table: str) -> None:
    rows = [source_row("knife", asin, _TOTALS, (0, 0, 0, 0)) for asin in ("A1", "A2")]
    rows.append(source_row("knife", "A1", _TOTALS, (9, 1, 0, 0)) | {"client_id": "c2"})
    found = reports(DATASETS[table], warehouse.yields(table, rows))
    assert found[_REPORT].failing["own_counts_missing"] == 2
    assert found["c2", "US", "WEEK"].failing["own_counts_missing"] == 0


@pytest.mark.parametrize("table", list(DATASETS))
@pytest.mark.parametrize(
    ("report_period", "start", "end"),
    [
        ("WEEK", date(2025, 1, 6), None),
        ("WEEK", SUNDAY, date(2025, 1, 12)),
        ("MONTH", date(2025, 1, 2), None),
        ("QUARTER", date(2025, 2, 1), None),
        ("DAY", SUNDAY, SUNDAY),
    ],
)
def test_a_period_that_is_not_whole_is_reported(
    warehouse: Warehouse, table: str, report_period: str, start: date, end: date | None
) -> None:
    row = source_row("knife", "A1", _TOTALS, (9, 1, 0, 0), report_period=report_period) | {"start_date": start}
    found = reports(DATASETS[table], warehouse.yields(table, [row | {"end_date": end}]))
    assert found["c1", "US", report_period].failing["period_not_whole"] == 1


@pytest.mark.parametrize(("table", "shares"), _CHECKED)
def test_every_report_is_counted_by_itself(warehouse: Warehouse, table: str, shares: bool) -> None:
    rows = [
        source_row("knife", "A1", _TOTALS, (9, 1, 0, 0)),
        source_row("knife", "A1", _TOTALS, (9, 1, 0, 0)),
        source_row("Knife", "A2", _TOTALS, (9, 3_000, 0, -1)),
        source_row("peeler", "A2", _TOTALS, (100, 1, 0, 0)) | {"asin_impression_share": 0.0013},
        source_row("peeler", "A2", _TOTALS, (9, 1, 0, 0)) | {"client_id": "c2"},
    ]
    found = reports(DATASETS[table], warehouse.yields(table, rows))
    bad, good = found[_REPORT], found["c2", "US", "WEEK"]
    assert (bad.delivered, good.delivered, good.rows) == (3, 1, 1)
    assert (bad.failing["duplicate_keys"], bad.failing["negative_count"]) == (1, 1)
    assert set(good.failing.values()) == {0}
    if shares:
        assert (bad.failing["own_exceeds_total"], bad.failing["share_differs"]) == (1, 1)


def test_disagreeing_totals_are_counted(warehouse: Warehouse) -> None:
    rows = [
        source_row("knife", "A1", _TOTALS, (9, 1, 0, 0)),
        source_row("knife", "A2", (16_000, *_TOTALS[1:]), (9, 1, 0, 0)),
        source_row("peeler", "A2", _TOTALS, (9, 1, 0, 0)),
    ]
    found = reports(DATASETS["search_query_market"], warehouse.yields("search_query_market", rows))
    assert (found[_REPORT].rows, found[_REPORT].failing["totals_disagree"]) == (2, 2)


def _ending(shape: Shape) -> Shape:
    """The shape with a column for the last day of the period instead of the first."""
    columns = [
        replace(column, field={"start_date": "end_date", "end_date": None}.get(column.field or "", column.field))
        for column in shape.columns
    ]
    return replace(shape, columns=tuple(columns))


@pytest.mark.parametrize(
    ("report_period", "start", "end"),
    [
        ("WEEK", date(2024, 12, 29), date(2025, 1, 4)),
        ("MONTH", date(2024, 2, 1), date(2024, 2, 29)),
        ("QUARTER", date(2024, 10, 1), date(2024, 12, 31)),
    ],
)
def test_a_source_may_have_the_last_day_alone(warehouse: Warehouse, report_period: str, start: date, end: date) -> None:
    row = source_row("knife", "A1", _TOTALS, (100, 10, 4, 1), report_period=report_period) | {"start_date": end}
    for table, dataset in DATASETS.items():
        placed = load(warehouse.env.client, warehouse.dataset, LANDING, [row])
        found = run_dataset(warehouse.env.client, warehouse.env.project, dataset, _ending(placed))
        assert [(one["period_start"], one["period_end"]) for one in found] == [(start, end)]
        assert reports(dataset, found)["c1", "US", report_period].failing["period_not_whole"] == 0, table


def test_the_export_may_have_the_last_day_of_the_week(warehouse: Warehouse) -> None:
    row = source_row("knife", "A1", _TOTALS, (100, 10, 4, 1), percent=True) | {"start_date": date(2025, 1, 11)}
    placed = load(warehouse.env.client, warehouse.dataset, EXPORT, [row])
    [found] = run_dataset(warehouse.env.client, warehouse.env.project, DATASETS["search_query_market"], _ending(placed))
    assert (found["period_start"], found["period_end"]) == (SUNDAY, date(2025, 1, 11))


@pytest.mark.parametrize(
    ("report_period", "start", "end"),
    [
        ("WEEK", date(2024, 12, 29), date(2025, 1, 4)),
        ("MONTH", date(2024, 2, 1), date(2024, 2, 29)),
        ("QUARTER", date(2024, 10, 1), date(2024, 12, 31)),
    ],
)
def test_a_period_ends_where_its_kind_says(warehouse: Warehouse, report_period: str, start: date, end: date) -> None:
    row: dict[str, Any] = source_row("knife", "A1", _TOTALS, (100, 10, 4, 1), report_period=report_period)
    for table in DATASETS:
        [found] = warehouse.yields(table, [row | {"start_date": start}])
        assert (found["period_start"], found["period_end"]) == (start, end)


def test_results_have_the_declared_types(warehouse: Warehouse) -> None:
    placed = load(
        warehouse.env.client, warehouse.dataset, LANDING, [source_row("knife", "A1", _TOTALS, (100, 10, 4, 1))]
    )
    names = {"INT64": "INTEGER", "BOOL": "BOOLEAN"}
    for dataset in DATASETS.values():
        query = rendered(warehouse.env.project, dataset, placed)
        schema = {field.name: field.field_type for field in warehouse.env.client.query(query).result().schema}
        declared = {column.name: names.get(column.type, column.type) for column in dataset.columns}
        assert schema == declared | {
            "refresh_superseded": "INTEGER",
            "refresh_merged": "INTEGER",
            "refresh_report": "STRING",
        }
