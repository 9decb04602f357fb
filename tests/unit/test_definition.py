"""A definition is kept as text between planning and publishing, and read by another worker."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.search_queries.dataset import SEARCH_QUERY_PERFORMANCE
from shared.domain.definition import Definition, Input
from shared.domain.ids import TableName
from shared.domain.scope import Scope
from shared.domain.types import TargetColumn, match_column


def _definition(**fields: Any) -> Definition:
    columns = tuple(
        match_column(
            table="sqp.search_query_performance",
            source=column,
            target=TargetColumn(name=column.name, type="text", not_null=False, has_default=False),
        )
        for column in SEARCH_QUERY_PERFORMANCE.columns
        if column.type == "STRING"
    )
    values: dict[str, Any] = {
        "table": TableName(schema="sqp", name='odd "name"'),
        "source": "p.d.t",
        "source_is_table": True,
        "source_sql": None,
        "inputs": (Input(name="asin", expression="CAST(`asin` AS STRING)"),),
        "dataset": SEARCH_QUERY_PERFORMANCE,
        "columns": columns,
        "outputs": tuple(column.name for column in columns),
        "key": ("asin",),
        "scope": Scope(column="period_start", source_type="DATE", target_type="date"),
        "strategy": "merge",
        "lookback": None,
        "slice_target_rows": 1000,
        "parallelism": 2,
        "max_bytes_billed": 2**60,
        "checks": {"scope_min_ratio": 0.5, "asin_known": {"max": 0.1, "outcome": "warn"}},
        "loaded_at_column": "loaded_at",
    }
    return Definition(**(values | fields))


@pytest.mark.parametrize(
    "definition", [_definition(), _definition(dataset=None, scope=None, key=(), checks={})], ids=["dataset", "plain"]
)
def test_what_is_read_again_is_what_was_written(definition: Definition) -> None:
    read = Definition.from_json(definition.to_json())
    assert read == definition
    assert read.hash == definition.hash


def test_text_of_another_form_is_refused() -> None:
    text: dict[str, Any] = json.loads(_definition().to_json())
    strange: list[Any] = [text | {"columns": [{"name": "asin"}]}, {k: v for k, v in text.items() if k != "key"}, []]
    for broken in strange:
        with pytest.raises(ValueError, match="validation error"):
            Definition.from_json(json.dumps(broken))


def test_the_hash_tells_definitions_apart_that_publish_differently() -> None:
    definition = _definition()
    assert replace(definition, key=("asin", "period_start")).hash != definition.hash
