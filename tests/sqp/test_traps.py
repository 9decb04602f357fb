"""Every trap of the data as a mutant: the mistake, made in the view or the transform, must be seen.

Each mutant is a piece of our own SQL and what somebody in a hurry would write instead. The check that holds for the
true text must fail for the mutant; a text that is no longer there fails the test too.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pg8000.native
import pytest

from infra.local.sample.reference import Row
from infra.local.sample.shapes import LANDING
from infra.local.sample.targets import warehouse_sql
from shared.domain.dataset import Dataset
from tests.conftest import BigQueryEnv
from tests.sqp.warehouse import EXAMPLE, EXAMPLE_SECOND_WEEK, SECOND_WEEK, fill, row
from tests.support.sqp import DATASETS, by_key, load, reports, run_dataset, select, source_row

type Connection = pg8000.native.Connection
type Check = Callable[[Callable[[str], list[Row]]], None]
_MUTANT = "mutant"
_TOTALS = (15_000, 100_000, 2_000, 500, 200)


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """`true` stands in the warehouse's SQL; `mutant` is the mistake."""

    name: str
    true: str
    mutant: str
    rows: tuple[Row, ...]
    check: Check


def _totals_once(query: Callable[[str], list[Row]]) -> None:
    [month] = query("SELECT * FROM {s}.monthly_summary")
    assert (month["search_query_volume"], month["total_purchase_count"]) == (23_000, 280)


def _two_weeks(query: Callable[[str], list[Row]]) -> None:
    [found] = query(
        "SELECT * FROM {s}.keyword_funnel('c1', 'US', 'WEEK', 'knife sharpener', '2025-01-05', '2025-01-12')"
    )
    assert round(found["purchase_share"] * 100, 2) == Decimal("9.02")


def _family(query: Callable[[str], list[Row]]) -> None:
    [family] = query("SELECT * FROM {s}.parent_period_summary")
    assert (family["total_purchase_count"], family["asin_purchase_count"]) == (280, 19)


def _lost(query: Callable[[str], list[Row]]) -> None:
    found = query("SELECT * FROM {s}.lost_purchases('c1', 'US', 'WEEK', '2025-01-05')")
    assert [one["lost_purchases_gap"] for one in found] == [2, 0]


def _brand_of_its_marketplace(query: Callable[[str], list[Row]]) -> None:
    query("INSERT INTO {s}.brands (client_id, brand) VALUES ('c1', 'Edge'), ('c1', 'Other') RETURNING brand_id")
    query("SELECT {s}.map_asin('c1', 'US', 'A1', 'Edge'), {s}.map_asin('c1', 'DE', 'A1', 'Other')")
    query("REFRESH MATERIALIZED VIEW {s}.search_performance_summary")
    found = query("SELECT marketplace_id, brand FROM {s}.search_performance_summary ORDER BY 1, 2")
    assert [tuple(one.values()) for one in found] == [("DE", "Other"), ("US", "Edge")]


def _months_alone(query: Callable[[str], list[Row]]) -> None:
    [found] = query("SELECT * FROM {s}.keyword_funnel('c1', 'US', 'MONTH', 'q', '2025-06-01')")
    assert (found["search_query_volume"], found["asin_click_count"]) == (15_000, 10)


def _nothing_is_null(query: Callable[[str], list[Row]]) -> None:
    [found] = query("SELECT * FROM {s}.keyword_funnel('c1', 'US', 'WEEK', 'q', '2025-01-05')")
    assert (found["click_share"], found["purchase_rate"]) == (None, None)


def _change_from_nothing_is_null(query: Callable[[str], list[Row]]) -> None:
    found = by_key(query("SELECT * FROM {s}.keyword_trend('c1', 'US', 'WEEK', 'q')"), "period_start")
    assert found[SECOND_WEEK]["asin_purchase_count_change"] is None


def _year(query: Callable[[str], list[Row]]) -> None:
    found = query("SELECT * FROM {s}.compare_periods('c1', 'US', 'WEEK', '2025-01-05', 'YoY')")
    assert [one["compared_period"] for one in found] == [date(2024, 1, 7)]


def _stale(query: Callable[[str], list[Row]]) -> None:
    [found] = query("SELECT * FROM {s}.freshness('2025-01-25')")
    assert found["data_status"] == "late"


def _intersection(query: Callable[[str], list[Row]]) -> None:
    found = by_key(query("SELECT * FROM {s}.compare_periods('c1', 'US', 'WEEK', '2025-01-12')"), "query_set")
    assert found["common"]["previous_total_purchase_count"] == 200


def _hhi(query: Callable[[str], list[Row]]) -> None:
    [found] = query("SELECT * FROM {s}.cannibalisation_summary")
    assert found["impression_hhi"] == pytest.approx(Decimal("0.38"))


def _currencies(query: Callable[[str], list[Row]]) -> None:
    assert query("SELECT * FROM {s}.price_position('c1', 'US', 'WEEK', '2025-01-05')") == []


_JANUARY = tuple(
    one | {"report_period": "MONTH", "period_start": date(2025, 1, 1), "period_end": date(2025, 1, 31)}
    for one in EXAMPLE
)
_EMPTY = row("q", "A1", (10, 50, 0, 0, 0), (5, 0, 0, 0))
_PRICED = row(
    "q",
    "A1",
    _TOTALS,
    (90, 9, 5, 4),
    asin_median_purchase_price_amount=25.0,
    asin_median_purchase_price_currency_code="EUR",
    total_median_purchase_price_amount=20.0,
    total_median_purchase_price_currency_code="USD",
)
_KEY4 = "client_id, marketplace_id, report_period, period_start"
MISTAKES = (
    Mistake(
        name="totals summed over ASIN rows",
        true="        sum(total_purchase_count)::bigint AS total_purchase_count\n    FROM sqp.search_query_market\n"
        f"    GROUP BY {_KEY4}\n) AS market\nFULL JOIN",
        mutant="        sum(total_purchase_count)::bigint AS total_purchase_count\n    FROM (SELECT *, false AS "
        f"totals_disagree FROM sqp.search_query_performance) AS each_row\n    GROUP BY {_KEY4}\n) AS market\nFULL JOIN",
        rows=_JANUARY,
        check=_totals_once,
    ),
    Mistake(
        name="the largest total of several periods",
        true="        sum(total_purchase_count)::bigint AS total_purchase_count\n    FROM sqp.search_query_market\n"
        "    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)\n"
        "        AND search_query_key = ANY ($5)",
        mutant="        max(total_purchase_count)::bigint AS total_purchase_count\n    FROM sqp.search_query_market\n"
        "    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)\n"
        "        AND search_query_key = ANY ($5)",
        rows=(*EXAMPLE, *EXAMPLE_SECOND_WEEK),
        check=_two_weeks,
    ),
    Mistake(
        name="a parent with the totals of each child",
        true=f"        GROUP BY {_KEY4}, coalesce(parent_asin, asin), search_query_key\n",
        mutant=f"        GROUP BY {_KEY4}, coalesce(parent_asin, asin), search_query_key, asin\n",
        rows=tuple(one | {"parent_asin": "P1"} for one in EXAMPLE),
        check=_family,
    ),
    Mistake(
        name="lost purchases by clicks per search",
        true="s.asin_click_count * s.total_purchase_count::numeric / nullif(s.total_click_count, 0)",
        mutant="s.asin_click_count * s.total_purchase_count::numeric / nullif(s.search_query_volume, 0)",
        rows=EXAMPLE,
        check=_lost,
    ),
    Mistake(
        name="a brand without its marketplace",
        true="LEFT JOIN brand_of_asin USING (client_id, marketplace_id, asin)",
        mutant="LEFT JOIN (SELECT client_id, asin, brand FROM brand_of_asin) AS brand_of_asin USING (client_id, asin)",
        rows=(row("q", "A1", _TOTALS, (9, 1, 0, 0)), row("q", "A1", _TOTALS, (9, 1, 0, 0), marketplace="DE")),
        check=_brand_of_its_marketplace,
    ),
    Mistake(
        name="weeks and months in one sum",
        true="    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)\n"
        "        AND search_query_key = ANY ($5)",
        mutant="    WHERE client_id = $1 AND marketplace_id = $2 AND period_start = ANY ($4)\n"
        "        AND search_query_key = ANY ($5)",
        rows=(
            row("q", "A1", _TOTALS, (100, 10, 0, 0), start=date(2025, 6, 1), report_period="MONTH"),
            row("q", "A1", (100, 1_000, 50, 20, 10), (9, 1, 0, 0), start=date(2025, 6, 1)),
        ),
        check=_months_alone,
    ),
    Mistake(
        name="no market is no share",
        true="    asin_click_count::numeric / nullif(total_click_count, 0),\n",
        mutant="    coalesce(asin_click_count::numeric / nullif(total_click_count, 0), 0),\n",
        rows=(_EMPTY,),
        check=_nothing_is_null,
    ),
    Mistake(
        name="a change from nothing",
        true="now.asin_purchase_count::numeric / nullif(before.asin_purchase_count, 0) - 1,\n        100 * (now",
        mutant="now.asin_purchase_count::numeric / greatest(before.asin_purchase_count, 1) - 1,\n        100 * (now",
        rows=(
            row("q", "A1", _TOTALS, (9, 1, 0, 0)),
            row("q", "A1", _TOTALS, (9, 1, 1, 1), start=SECOND_WEEK),
        ),
        check=_change_from_nothing_is_null,
    ),
    Mistake(
        name="a year of 365 days",
        true="WHEN 'WEEK' THEN period_start - 364\n",
        mutant="WHEN 'WEEK' THEN period_start - 365\n",
        rows=(row("q", "A1", _TOTALS, (9, 1, 0, 0)), row("q", "A1", _TOTALS, (9, 1, 0, 0), start=date(2024, 1, 7))),
        check=_year,
    ),
    Mistake(
        name="data as fresh as the job",
        true="        WHEN missing.last_missing > last_start THEN 'late'\n",
        mutant="        WHEN missing.last_missing > last_start AND job.last_status = 'failed' THEN 'late'\n",
        rows=EXAMPLE,
        check=_stale,
    ),
    Mistake(
        name="queries that only one period has, compared",
        true="        SELECT CASE WHEN before.search_query_key IS NULL THEN 'new'"
        " WHEN now.search_query_key IS NULL THEN 'lost' ELSE 'common' END AS query_set,",
        mutant="        SELECT 'common' AS query_set,",
        rows=(*EXAMPLE, *EXAMPLE_SECOND_WEEK),
        check=_intersection,
    ),
    Mistake(
        name="concentration by the market instead of the own impressions",
        true="    asin_impression_square / nullif(asin_impression_count::numeric * asin_impression_count, 0)",
        mutant="    asin_impression_square / nullif(100000::numeric * 100000, 0)",
        rows=EXAMPLE,
        check=_hhi,
    ),
    Mistake(
        name="prices of two currencies",
        true=" AND price.own_currency IS NOT DISTINCT FROM price.market_currency",
        mutant="",
        rows=(_PRICED,),
        check=_currencies,
    ),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: str(mistake.name))
def test_a_mistake_in_the_warehouse_is_seen(warehouse: Connection, mistake: Mistake) -> None:
    fill(warehouse, mistake.rows)
    assert mistake.true in warehouse_sql("sqp")
    warehouse.run("BEGIN")
    try:
        warehouse.run("SAVEPOINT unharmed")
        mistake.check(lambda text: select(warehouse, text.format(s="sqp")))
        warehouse.run("ROLLBACK TO SAVEPOINT unharmed")
        true, wrong = (text.replace("sqp.", f"{_MUTANT}.") for text in (mistake.true, mistake.mutant))
        warehouse.run(warehouse_sql(_MUTANT).replace(true, wrong))
        fill(warehouse, mistake.rows, schema=_MUTANT)
        with pytest.raises(AssertionError):
            mistake.check(lambda text: select(warehouse, text.format(s=_MUTANT)))
    finally:
        warehouse.run("ROLLBACK")


_MONDAY = datetime(2025, 1, 13, 4, tzinfo=UTC)
_WEEK = timedelta(weeks=1)
_REPORT = ("c1", "US", "WEEK")


@dataclass(frozen=True, kw_only=True)
class WrongTransform:
    """As Mistake, in the query of a dataset."""

    name: str
    table: str
    true: str
    mutant: str
    rows: tuple[Row, ...]
    check: Callable[[Dataset, list[Row]], None]


def _one(name: str, value: object) -> Callable[[Dataset, list[Row]], None]:
    def check(dataset: Dataset, rows: list[Row]) -> None:
        del dataset
        assert [one[name] for one in rows] == [value]

    return check


def _failing(metric: str, count: int) -> Callable[[Dataset, list[Row]], None]:
    def check(dataset: Dataset, rows: list[Row]) -> None:
        assert reports(dataset, rows)[_REPORT].failing[metric] == count

    return check


def _small_shares(dataset: Dataset, rows: list[Row]) -> None:
    del dataset
    assert {one["search_query_key"]: one["asin_impression_share"] for one in rows}["q29"] == Decimal("0.0003")


def _delivered(dataset: Dataset, rows: list[Row]) -> None:
    del dataset
    assert sorted(one["marketplace_id"] for one in rows) == ["DE", "US"]


_FIRST = source_row("knife", "A1", _TOTALS, (100, 10, 4, 1), batch_id="b1", ingested_at=_MONDAY)
_AGAIN = source_row("knife", "A1", _TOTALS, (120, 11, 4, 1), batch_id="b2", ingested_at=_MONDAY + _WEEK)
_SPELLINGS = (
    source_row("knife", "A1", _TOTALS, (100, 10, 4, 1)),
    source_row(" ＫＮＩＦＥ ", "A1", _TOTALS, (50, 5, 2, 0)),
)
_SMALL = tuple(
    source_row(f"q{n}", "A1", _TOTALS, (n, 0, 0, 0)) | {"asin_impression_share": round(n / 1_000, 2)}
    for n in range(1, 30)
)
_KEY = (
    "TRIM(REGEXP_REPLACE(NORMALIZE_AND_CASEFOLD(search_query, NFKC), r'[\\s\\v\\x{85}\\pZ]+', ' ')) AS search_query_key"
)
TRANSFORMS = (
    WrongTransform(
        name="a share above 1 means percent",
        table="search_query_performance",
        true="      WHEN delivery_shares = 0 THEN NUMERIC '1'\n",
        mutant="      WHEN TRUE THEN IF(MAX(asin_impression_share) OVER (PARTITION BY client_id) > 1, NUMERIC '0.01',"
        " NUMERIC '1')\n",
        rows=_SMALL,
        check=_small_shares,
    ),
    WrongTransform(
        name="a missing price is 0",
        table="search_query_performance",
        true="ROUND(asin_median_click_price_amount, 2)",
        mutant="ROUND(COALESCE(asin_median_click_price_amount, 0), 2)",
        rows=(_FIRST,),
        check=_one("asin_median_click_price_amount", None),
    ),
    WrongTransform(
        name="the oldest delivery wins",
        table="search_query_performance",
        true="      ingested_at DESC, batch_id DESC, asin_impression_count DESC",
        mutant="      ingested_at, batch_id, asin_impression_count DESC",
        rows=(_FIRST, _AGAIN),
        check=_one("asin_impression_count", 120),
    ),
    WrongTransform(
        name="every delivery is added",
        table="asin_performance_data",
        true="asin, search_query\n    ORDER BY",
        mutant="asin, search_query, batch_id\n    ORDER BY",
        rows=(_FIRST, _AGAIN),
        check=_one("asin_impression_count", 120),
    ),
    WrongTransform(
        name="spellings are queries of their own",
        table="search_query_performance",
        true=_KEY,
        mutant="LOWER(search_query) AS search_query_key",
        rows=_SPELLINGS,
        check=_one("asin_impression_count", 150),
    ),
    WrongTransform(
        name="one spelling's counts are lost",
        table="search_query_performance",
        true="SUM(asin_impression_count) OVER one_row AS own_impression_count",
        mutant="asin_impression_count AS own_impression_count",
        rows=_SPELLINGS,
        check=_one("asin_impression_count", 150),
    ),
    WrongTransform(
        name="totals of a query added up",
        table="search_query_market",
        true="MAX(IF(place = 1, search_query_volume, NULL)) AS search_query_volume",
        mutant="SUM(search_query_volume) AS search_query_volume",
        rows=tuple(source_row("knife", asin, _TOTALS, (9, 1, 0, 0)) for asin in ("A1", "A2")),
        check=_one("search_query_volume", 15_000),
    ),
    WrongTransform(
        name="a disagreement that nobody hears of",
        table="search_query_market",
        true="MIN(all_totals) <> MAX(all_totals) AS totals_disagree",
        mutant="FALSE AS totals_disagree",
        rows=(
            source_row("knife", "A1", _TOTALS, (9, 1, 0, 0)),
            source_row("knife", "A2", (9, *_TOTALS[1:]), (9, 1, 0, 0)),
        ),
        check=_failing("totals_disagree", 2),
    ),
    WrongTransform(
        name="a parser fault that passes",
        table="search_query_performance",
        true="SUM(total_query_impression_count) > 0 AND",
        mutant="FALSE AND",
        rows=(source_row("knife", "A1", _TOTALS, (0, 0, 0, 0)),),
        check=_failing("own_counts_missing", 1),
    ),
    WrongTransform(
        name="weeks from Monday",
        table="search_query_performance",
        true="start_date = DATE_TRUNC(start_date, WEEK(SUNDAY))",
        mutant="start_date = DATE_TRUNC(start_date, WEEK(MONDAY))",
        rows=(_FIRST,),
        check=_failing("period_not_whole", 0),
    ),
    WrongTransform(
        name="one marketplace over the other",
        table="asin_performance_data",
        true="    PARTITION BY client_id, marketplace_id, report_period, start_date, asin, search_query\n    ORDER BY",
        mutant="    PARTITION BY client_id, report_period, start_date, asin, search_query\n    ORDER BY",
        rows=(_FIRST, _FIRST | {"marketplace_id": "DE"}),
        check=_delivered,
    ),
)


@pytest.fixture(scope="module")
def dataset_of_mutants(bigquery_env: BigQueryEnv) -> Iterator[str]:
    name = f"{bigquery_env.project}.mutants_{uuid.uuid4().hex[:12]}"
    bigquery_env.client.create_dataset(name)
    yield name
    bigquery_env.client.delete_dataset(name, delete_contents=True)


@pytest.mark.parametrize("wrong", TRANSFORMS, ids=lambda wrong: str(wrong.name))
def test_a_mistake_in_a_transform_is_seen(
    bigquery_env: BigQueryEnv, dataset_of_mutants: str, wrong: WrongTransform
) -> None:
    dataset = DATASETS[wrong.table]
    assert wrong.true in dataset.sql
    mutant = replace(dataset, sql=dataset.sql.replace(wrong.true, wrong.mutant))
    placed = load(bigquery_env.client, dataset_of_mutants, LANDING, wrong.rows)
    wrong.check(dataset, run_dataset(bigquery_env.client, bigquery_env.project, dataset, placed))
    found = run_dataset(bigquery_env.client, bigquery_env.project, mutant, placed)
    with pytest.raises(AssertionError):
        wrong.check(mutant, found)
