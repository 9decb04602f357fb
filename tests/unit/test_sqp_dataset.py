"""The records of the SQP datasets: what the engine takes for granted about them."""

import re

import pytest

from functions.asin.dataset import ASIN_PERFORMANCE
from functions.search_queries.dataset import SEARCH_QUERY_MARKET, SEARCH_QUERY_PERFORMANCE
from shared.domain.dataset import MERGED, SUPERSEDED, Dataset

_ALL = pytest.mark.parametrize(
    "dataset", [ASIN_PERFORMANCE, SEARCH_QUERY_PERFORMANCE, SEARCH_QUERY_MARKET], ids=lambda dataset: str(dataset.name)
)


@_ALL
def test_names_stand_once_and_keys_and_scopes_exist(dataset: Dataset) -> None:
    columns, fields = [column.name for column in dataset.columns], [field.name for field in dataset.fields]
    assert len(set(columns)) == len(columns)
    assert len(set(fields)) == len(fields)
    assert set(dataset.key_columns) <= set(columns)
    assert dataset.scope_column in dataset.key_columns
    assert dataset.scope_field in fields


@_ALL
def test_the_query_reads_nothing_but_source_and_its_own_ctes(dataset: Dataset) -> None:
    code = re.sub(r"--[^\n]*", "", dataset.sql)
    made = set(re.findall(r"(\w+) AS \(\s*SELECT", code))
    read = set(re.findall(r"\b(?:FROM|JOIN)\s+([\w.`]+)", code))
    assert read <= made | {"source"}
    assert "source" in read


@_ALL
def test_the_query_yields_the_reserved_columns(dataset: Dataset) -> None:
    for name in (SUPERSEDED, MERGED):
        assert dataset.sql.count(name) >= 1
    assert "FARM_FINGERPRINT" not in dataset.sql


@_ALL
def test_bookkeeping_of_a_delivery_is_no_part_of_the_result(dataset: Dataset) -> None:
    assert not {"batch_id", "ingested_at"} & {column.name for column in dataset.columns}


def test_a_scope_that_lost_half_of_its_rows_is_held_by_default() -> None:
    for dataset in (ASIN_PERFORMANCE, SEARCH_QUERY_PERFORMANCE, SEARCH_QUERY_MARKET):
        assert (dataset.checks["scope_min_ratio"], dataset.checks["scope_history"]) == (0.5, 12)
