"""A preview is true: what it says is what the next refresh does once the change is made."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.ids import TableName
from shared.operations import configuration
from shared.operations.configuration import Change
from shared.operations.preview import Preview
from tests.support.engine import Engine
from tests.support.orders import Orders

_TABLE = TableName(schema="public", name="orders")
CHANGES: dict[str, tuple[dict[str, Any], int]] = {
    "nothing that decides": ({"priority": 5, "slice_target_rows": 1, "frequency_hours": 48}, 0),
    "what a row becomes": ({"column_map": {"customer": None, "amount": "amount"}}, 6),
    "and how it is sliced": ({"column_map": {"customer": None, "amount": "amount"}, "slice_target_rows": 5}, 6),
    "how it is divided": ({"scope_bucket": "month"}, 1),
    "not divided": ({"scope_column": None}, 1),
    "only what is looked at": ({"column_map": {"customer": None, "amount": "amount"}, "lookback": 1}, 0),
    "the strategy": ({"strategy": "append"}, 6),
    "checks": ({"checks": {"row_count": {"min_ratio": 0.1}}}, 0),
    "caps": ({"max_bytes_billed": 10**9, "parallelism": 4}, 0),
}


@pytest.fixture
def orders(engine: Engine) -> Orders:
    """Six days of four rows, published."""
    made = Orders(engine, slice_target_rows=9)
    made.days(1, 6)
    assert made.refresh()["status"] == "success"
    return made


def preview(engine: Engine, **fields: Any) -> Preview:
    return configuration.preview(engine.store, engine.source, _change(**fields), actor="test")


def _change(**fields: Any) -> Change:
    return Change(table=_TABLE, fields=fields)


@pytest.mark.parametrize("name", CHANGES)
def test_the_next_refresh_reads_what_the_preview_said(engine: Engine, orders: Orders, name: str) -> None:
    fields, scopes = CHANGES[name]
    told = preview(engine, **fields)
    assert told.scopes_read_anew == scopes
    configuration.change(engine.store, engine.source, [_change(**fields)], actor="test")
    task = orders.refresh()
    assert task["status"] in ("success", "no_new_data"), task["error"]
    (read,) = engine.sql(
        "SELECT count(*) AS scopes FROM refresh.refresh_task_scope WHERE run_id = :run AND action = 'changed'",
        run=task["run_id"],
    )
    done = (read["scopes"], task["rows_read"], task["slices_total"])
    assert (told.scopes_read_anew, told.rows_read_anew, told.slices) == done


def test_a_table_that_is_switched_off_is_not_read(engine: Engine, orders: Orders) -> None:
    told = preview(engine, mode="disabled", strategy="append")
    assert (told.scopes_read_anew, told.rows_read_anew, told.slices) == (0, 0, 0)


def test_what_only_a_run_can_know_is_not_guessed(engine: Engine, orders: Orders) -> None:
    told = preview(engine, mode="shadow")
    assert (told.scopes_read_anew, told.rows_read_anew, told.slices) == (None, None, None)
    assert (told.scopes_published, told.rows_published) == (6, 24)
