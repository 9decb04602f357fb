"""The sample generator: deterministic, of the size asked for, and registered under names that exist."""

from itertools import islice

import pytest

from functions.asin.dataset import ASIN_PERFORMANCE
from functions.search_queries.dataset import SEARCH_QUERY_MARKET, SEARCH_QUERY_PERFORMANCE
from infra.local.sample.accounts import accounts
from infra.local.sample.deliveries import LAST_WEEK, Delivery, landing_month, landing_week, restated, weeks
from infra.local.sample.reference import query_key
from infra.local.sample.registrations import registrations
from infra.local.sample.report import VARIANTS, query_text, report_rows
from infra.local.sample.shapes import EXPORT, LANDING, Shape
from infra.local.sample.targets import warehouse_sql

_DATASETS = {dataset.name: dataset for dataset in (ASIN_PERFORMANCE, SEARCH_QUERY_PERFORMANCE, SEARCH_QUERY_MARKET)}
_COUNTS = ("asin_impression_count", "asin_click_count", "asin_cart_add_count", "asin_purchase_count")


def test_a_report_is_the_same_every_time_and_as_long_as_asked() -> None:
    [report, *_] = landing_week(LAST_WEEK, 300)
    rows = list(report_rows(report))
    assert len(rows) == 300
    assert rows == list(report_rows(report))


def test_a_restatement_changes_some_queries_and_keeps_the_rows() -> None:
    [report, *_] = landing_week(LAST_WEEK, 300)
    before, after = list(report_rows(report)), list(report_rows(restated([report], 1)[0]))
    keys = [[(row["asin"], row["search_query"]) for row in rows] for rows in (before, after)]
    assert keys[0] == keys[1]
    assert 0 < sum(one != other for one, other in zip(before, after, strict=True)) < 300


def test_own_counts_fall_along_the_funnel_and_stay_within_the_market() -> None:
    [report, *_] = landing_week(LAST_WEEK, 500)
    for row in report_rows(report):
        counts = [row[name] for name in _COUNTS]
        assert counts == sorted(counts, reverse=True)
        assert row["asin_impression_count"] <= row["total_query_impression_count"]
        assert all(row[f"asin_{stage}_count"] <= row[f"total_{stage}_count"] for stage in ("click", "purchase"))


def test_ranks_have_queries_of_their_own_and_variants_keep_the_key() -> None:
    texts = [query_text(rank) for rank in range(2_000)]
    assert len({query_key(text) for text in texts}) == len(texts)
    for text in texts[:100]:
        assert {query_key(variant(text)) for variant in VARIANTS} == {query_key(text)}


def test_weeks_begin_on_sunday_and_arrive_3_to_24_days_after_they_close() -> None:
    for start in weeks():
        assert start.isoweekday() == 7
        for report in landing_week(start, 1):
            late = (Delivery(report=report).ingested_at.date() - report.end_date).days
            assert 3 <= late <= 24
    [month, *_] = landing_month(LAST_WEEK.replace(day=1), 1)
    assert (month.start_date.day, (month.end_date - month.start_date).days) == (1, 29)


def test_accounts_share_asins_over_marketplaces_and_not_over_clients() -> None:
    asins = [{product.asin for product in account.products} for account in accounts()]
    assert asins[0] == asins[1]
    assert asins[2] == asins[3]
    assert not asins[0] & asins[2]
    assert {len(asin) for asin in asins[0] | asins[2]} == {10}


@pytest.mark.parametrize("shape", [EXPORT, LANDING], ids=["export", "landing"])
def test_a_shape_feeds_every_field_that_must_be_fed(shape: Shape) -> None:
    assert "-" not in shape.dataset
    fed = set(shape.column_map.values())
    for dataset in _DATASETS.values():
        assert {field.name for field in dataset.fields if field.default is None} <= fed
    assert fed <= {field.name for field in SEARCH_QUERY_PERFORMANCE.fields}
    [report, *_] = landing_week(LAST_WEEK, 5)
    names = {column.field for column in shape.columns if column.field} - {"batch_id", "ingested_at"}
    for row in islice(report_rows(report), 5):
        assert names <= row.keys()


def test_registrations_name_the_keys_and_scopes_of_the_datasets() -> None:
    found = registrations("project")
    tables = {(row["table_schema"], row["table_name"]): row for row in found.registry}
    assert len(tables) == len(found.registry) == 23
    for (_, name), row in tables.items():
        if name in _DATASETS:
            assert row["key_columns"] == list(_DATASETS[name].key_columns)
            assert row["scope_column"] == _DATASETS[name].scope_column
    for edge in found.dependencies:
        assert (edge["table_schema"], edge["table_name"]) in tables
        assert (edge["depends_on_schema"], edge["depends_on_name"]) in tables


def test_another_warehouse_takes_no_odd_name() -> None:
    assert "sqp." not in warehouse_sql("other").replace("other.", "")
    with pytest.raises(ValueError, match="lower-case"):
        warehouse_sql('x"; DROP')
