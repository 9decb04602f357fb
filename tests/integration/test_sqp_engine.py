"""The sample's two days through the whole path: every target equals its source, and only what changed is moved."""

from collections.abc import Iterator

import pg8000.native
import pytest

from infra.local.sample.deliveries import RESTATED_WEEK
from infra.local.sample.load import NEW_WEEK, apply_day_two
from infra.local.sample.shapes import EXPORT, LANDING
from infra.local.sample.targets import EXPORT_SCHEMA
from infra.local.sample.verify import verify_sample
from infra.local.sample_data import load_sample
from shared.adapters.database_url import connection_arguments
from shared.ports import Row
from tests.conftest import BigQueryEnv
from tests.support.engine import Engine
from tests.support.sqp import DATASETS, SUMMARIES

_ROWS = 12_000
_SCHEMAS = ("sqp", EXPORT_SCHEMA)


@pytest.fixture
def sample(engine: Engine, bigquery_env: BigQueryEnv) -> Iterator[Engine]:
    """The engine with day one in BigQuery and every table of the sample registered."""
    load_sample(bigquery_env.client, engine.database_url, bigquery_env.project, rows=_ROWS)
    yield engine
    for dataset in (EXPORT.dataset, LANDING.dataset, "sample_catalogue"):
        bigquery_env.client.delete_dataset(f"{bigquery_env.project}.{dataset}", delete_contents=True)


def _refresh_all(engine: Engine) -> dict[str, Row]:
    tasks = {
        f"{schema}.{name}": engine.refresh(f"{schema}.{name}", datasets=DATASETS)
        for schema in _SCHEMAS
        for name in DATASETS
    }
    tasks["sample.products"] = engine.refresh("sample.products")
    for schema in _SCHEMAS:
        for view in SUMMARIES:
            engine.sql(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {schema}.{view}")
    return tasks


def _differences(engine: Engine, env: BigQueryEnv) -> list[str]:
    connection = pg8000.native.Connection(**connection_arguments(engine.database_url))
    found = verify_sample(
        env.client, env.storage_client, connection, project=env.project, snapshot_at=engine.source.now()
    )
    connection.close()
    assert len(found) == 23
    return [f"{each.table}: {each.missing} missing, {each.unexpected} unexpected" for each in found if not each.equal]


def _failed_checks(engine: Engine) -> list[Row]:
    return engine.sql("SELECT DISTINCT metric, outcome FROM refresh.refresh_data_quality WHERE NOT passed")


def _rows_of_weeks(engine: Engine, table: str) -> int:
    query = f"SELECT count(*) AS n FROM {table} WHERE period_start IN (:restated, :added)"
    [row] = engine.sql(query, restated=RESTATED_WEEK, added=NEW_WEEK)
    return int(row["n"])


def test_two_days_of_the_sample(sample: Engine, bigquery_env: BigQueryEnv) -> None:
    first = _refresh_all(sample)
    assert first.pop("sample.products")["status"] == "success"
    # What is delivered on day one repeats rows and disagrees on totals, which warns and holds nothing.
    warned = {table for table, task in first.items() if task["status"] == "warning"}
    assert warned == {"sqp.search_query_market", *(f"{EXPORT_SCHEMA}.{name}" for name in DATASETS)}
    assert {task["reason"] for task in first.values()} == {None, "checks_warned"}
    assert {(row["metric"], row["outcome"]) for row in _failed_checks(sample)} == {
        ("duplicate_keys", "warn"),
        ("totals_disagree", "warn"),
    }
    assert all(task["rows_quarantined"] == 0 for task in first.values())
    assert first["sqp.search_query_performance"]["rows_superseded"] > 0
    assert first["sqp.search_query_performance"]["rows_merged"] > 0
    assert _differences(sample, bigquery_env) == []

    assert {task["status"] for task in _refresh_all(sample).values()} == {"no_new_data"}

    apply_day_two(bigquery_env.client, bigquery_env.project, _ROWS)
    second = _refresh_all(sample)
    assert {task["status"] for task in second.values()} == {"success"}
    assert _differences(sample, bigquery_env) == []
    for table, task in second.items():
        if table != "sample.products":
            assert task["rows_staged"] == _rows_of_weeks(sample, table)
            assert 0 < task["rows_unchanged"] < task["rows_staged"]
    for schema in _SCHEMAS:
        assert second[f"{schema}.search_query_performance"]["rows_deleted"] == 1
    products = second["sample.products"]
    assert (products["rows_inserted"], products["rows_deleted"]) == (1, 1)
    assert 0 < products["rows_updated"] < products["rows_staged"]
