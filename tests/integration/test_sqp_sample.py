"""The sample's two days, as the queries of the datasets see them: only what changed may move."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from infra.local.sample.load import Change, apply_day_two, load_day_one
from infra.local.sample.products import products_id
from infra.local.sample.reference import TARGETS, canonical
from infra.local.sample.shapes import EXPORT, LANDING, Shape
from infra.local.sample.tables import table_id
from infra.local.sample.targets import EXPORT_SCHEMA, targets_sql
from infra.local.sample.verify import raw_rows, row_text, verify_warehouse
from tests.conftest import BigQueryEnv
from tests.support.sqp import DATASETS, insert, refresh_summaries, run_dataset, warehouse_connection

_ROWS = 12_000
_SHAPES = {"export": EXPORT, "landing": LANDING}
type Scopes = dict[str, Counter[str]]


@dataclass(frozen=True, kw_only=True)
class Days:
    """Rows of each target by scope value, before and after day two, under (shape, table)."""

    before: dict[tuple[str, str], Scopes]
    after: dict[tuple[str, str], Scopes]
    changes: dict[str, Change]


def _snapshot(env: BigQueryEnv) -> dict[tuple[str, str], Scopes]:
    found = {}
    for shape_name, shape in _SHAPES.items():
        for table, dataset in DATASETS.items():
            scopes: Scopes = defaultdict(Counter)
            columns = tuple(column.name for column in dataset.columns)
            for row in run_dataset(env.client, env.project, dataset, shape):
                scopes[str(row["period_start"])][row_text(row, columns)] += 1
            found[shape_name, table] = scopes
    return found


@pytest.fixture(scope="module")
def days(bigquery_env: BigQueryEnv) -> Iterator[Days]:
    client, project = bigquery_env.client, bigquery_env.project
    load_day_one(client, project, _ROWS)
    before = _snapshot(bigquery_env)
    changes = {change.source: change for change in apply_day_two(client, project, _ROWS)}
    yield Days(before=before, after=_snapshot(bigquery_env), changes=changes)
    for name in (EXPORT.dataset, LANDING.dataset, "sample_catalogue"):
        client.delete_dataset(f"{project}.{name}", delete_contents=True)


@pytest.mark.parametrize("table", list(DATASETS))
@pytest.mark.parametrize("shape_name", list(_SHAPES))
def test_only_the_restated_and_the_new_week_move(
    days: Days, bigquery_env: BigQueryEnv, shape_name: str, table: str
) -> None:
    change = days.changes[table_id(bigquery_env.project, _SHAPES[shape_name])]
    before, after = days.before[shape_name, table], days.after[shape_name, table]
    assert set(after) - set(before) == set(change.added)
    assert {scope for scope in before if before[scope] != after[scope]} == set(change.restated)
    assert set(change.redelivered) <= set(before)


@pytest.mark.parametrize("shape_name", list(_SHAPES))
def test_a_row_vanished_and_most_of_the_restated_week_stands(
    days: Days, bigquery_env: BigQueryEnv, shape_name: str
) -> None:
    change = days.changes[table_id(bigquery_env.project, _SHAPES[shape_name])]
    [week] = change.restated
    before = days.before[shape_name, "search_query_performance"][week]
    after = days.after[shape_name, "search_query_performance"][week]
    assert after.total() == before.total() - change.vanished_rows
    assert 0 < (before & after).total() < before.total()


@pytest.mark.parametrize("shape", [EXPORT, LANDING], ids=["export", "landing"])
def test_the_targets_are_what_the_reference_reckons(days: Days, bigquery_env: BigQueryEnv, shape: Shape) -> None:
    del days
    client, project = bigquery_env.client, bigquery_env.project
    [now] = next(iter(client.query("SELECT CURRENT_TIMESTAMP()").result()))
    source = raw_rows(client, bigquery_env.storage_client, table_id(project, shape), now)
    rows = [canonical(raw, shape.column_map) for raw in source]
    for table, reckon in TARGETS.items():
        expected = reckon(rows)
        columns = tuple(expected[0])
        found = run_dataset(client, project, DATASETS[table], shape)
        assert Counter(row_text(row, columns) for row in found) == Counter(row_text(row, columns) for row in expected)
        assert sum(1 + row["refresh_superseded"] + row["refresh_merged"] for row in found) == len(rows)


def test_the_sample_has_the_awkwardness_of_real_data(days: Days, bigquery_env: BigQueryEnv) -> None:
    del days
    client, project = bigquery_env.client, bigquery_env.project
    market = run_dataset(client, project, DATASETS["search_query_market"], LANDING)
    performance = run_dataset(client, project, DATASETS["search_query_performance"], LANDING)
    assert any(row["totals_disagree"] for row in market)
    assert max(row["n_own_asins"] for row in market) >= 10
    assert any(row["refresh_merged"] for row in performance)
    assert any(row["refresh_superseded"] for row in performance)
    assert {row["parent_asin"] is None for row in performance} == {True, False}
    assert {row["asin_median_purchase_price_amount"] is None for row in performance} == {True, False}
    assert any("🔪" in row["search_query_key"] for row in performance)
    assert {row["report_period"] for row in performance} == {"WEEK", "MONTH"}
    assert len({(row["client_id"], row["marketplace_id"]) for row in performance}) == 4


def test_the_catalogue_has_a_new_a_changed_and_a_vanished_product(days: Days, bigquery_env: BigQueryEnv) -> None:
    change = days.changes[products_id(bigquery_env.project)]
    assert (change.restated, change.vanished_rows) == (("knives",), 1)
    query = f"SELECT COUNTIF(sku = 'P-NEW') AS new, COUNTIF(sku = 'P-000005') AS gone FROM `{change.source}`"
    [row] = bigquery_env.client.query(query).result()
    assert (row["new"], row["gone"]) == (1, 0)


def test_verification_finds_equality_and_every_kind_of_difference(
    days: Days, bigquery_env: BigQueryEnv, postgres_url: str
) -> None:
    del days
    client, project = bigquery_env.client, bigquery_env.project
    [now] = next(iter(client.query("SELECT CURRENT_TIMESTAMP()").result()))

    def compare() -> dict[str, tuple[int, int]]:
        found = verify_warehouse(
            client,
            bigquery_env.storage_client,
            connection,
            schema=EXPORT_SCHEMA,
            project=project,
            shape=EXPORT,
            snapshot_at=now,
        )
        weekly = [one for one in found if not one.table.endswith(("monthly_summary", "quarterly_summary"))]
        assert all(comparison.rows for comparison in weekly)
        return {comparison.table.split(".")[1]: (comparison.missing, comparison.unexpected) for comparison in found}

    with warehouse_connection(postgres_url) as connection:
        connection.run(targets_sql())
        for table, dataset in DATASETS.items():
            rows = run_dataset(client, project, dataset, EXPORT)
            insert(connection, f"{EXPORT_SCHEMA}.{table}", rows)
        refresh_summaries(connection, EXPORT_SCHEMA)
        assert set(compare().values()) == {(0, 0)}
        connection.run(
            f"DELETE FROM {EXPORT_SCHEMA}.asin_performance_data WHERE ctid IN"
            f" (SELECT ctid FROM {EXPORT_SCHEMA}.asin_performance_data LIMIT 1)"
        )
        connection.run(
            f"UPDATE {EXPORT_SCHEMA}.search_query_market SET search_query_volume = search_query_volume + 1"
            f" WHERE ctid IN (SELECT ctid FROM {EXPORT_SCHEMA}.search_query_market LIMIT 1)"
        )
        connection.run(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {EXPORT_SCHEMA}.weekly_summary")
        found = compare()
        assert found["asin_performance_data"] == (1, 0)
        assert found["search_query_market"] == (1, 1)
        assert found["weekly_summary"] == (1, 1)
        assert found["search_query_performance"] == (0, 0)
