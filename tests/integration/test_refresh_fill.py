"""The first load of an empty table, which goes straight into it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.errors import ResultLost
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.orders import Orders

FILLABLE = "numeric(12,2)"
"""With this type every column of the orders is kept as it travels."""


def test_an_empty_table_is_filled_without_staging(engine: Engine) -> None:
    orders = Orders(engine, amount=FILLABLE, slice_target_rows=8, parallelism=3)
    orders.days(1, 5)
    task = orders.refresh()
    assert (task["status"], task["rows_inserted"], task["slices_total"]) == ("success", 20, 3)
    assert engine.steps.seen.count("fill_copied") == 3
    assert "chunk_copied" not in engine.steps.seen
    assert orders.target() == orders.source()
    check_invariants(engine)
    assert orders.refresh()["status"] == "no_new_data"


def test_what_lies_in_the_target_by_then_is_merged_with(engine: Engine) -> None:
    orders = Orders(engine, amount=FILLABLE)
    orders.days(1, 3)
    engine.steps.actions["plan_committed"] = lambda: engine.sql(
        "INSERT INTO public.orders VALUES (101, '2025-01-01', 'somebody', 1)"
    )
    task = orders.refresh()
    assert (task["status"], task["rows_inserted"], task["rows_updated"]) == ("success", 11, 1)
    assert orders.target() == orders.source()
    check_invariants(engine)


def test_a_result_that_is_lost_in_the_middle_is_staged_instead(engine: Engine) -> None:
    orders = Orders(engine, amount=FILLABLE)
    orders.days(1, 3)
    engine.steps.actions["fill_copied"] = _once(ResultLost("the session expired"))
    task = orders.refresh()
    assert task["status"] == "success"
    assert "chunk_copied" in engine.steps.seen
    assert orders.target() == orders.source()
    check_invariants(engine)


def test_a_key_that_stands_twice_leaves_the_table_empty(engine: Engine) -> None:
    orders = Orders(engine, amount=FILLABLE)
    orders.insert((1, "2025-01-01", "a", "1"), (1, "2025-01-02", "b", "1"))
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("failed", "duplicate_key")
    assert "(id)=(1)" in task["error"]
    assert not orders.target()


def test_rows_that_do_not_fit_are_put_aside(engine: Engine) -> None:
    orders = Orders(engine, amount=FILLABLE)
    orders.insert((1, "2025-01-01", "a", "1.25"), (2, "2025-01-01", "b", "1.255"))
    task = orders.refresh()
    assert (task["status"], task["rows_inserted"], task["rows_quarantined"]) == ("warning", 1, 1)
    assert len(engine.sql("SELECT FROM refresh.refresh_quarantine")) == 1
    check_invariants(engine)


@pytest.mark.parametrize(("amount", "filled"), [(FILLABLE, True), ("numeric", False)])
def test_a_column_that_is_cast_when_published_is_staged(engine: Engine, amount: str, filled: bool) -> None:
    orders = Orders(engine, amount=amount)
    orders.days(1, 1)
    orders.refresh()
    assert ("fill_copied" in engine.steps.seen) is filled
    assert engine.sql("SELECT amount::text FROM public.orders WHERE id = 101")[0]["amount"] == (
        "1.50" if filled else "1.5"
    )


def _once(error: Exception) -> Any:
    raised: list[bool] = []

    def raise_once() -> None:
        if not raised:
            raised.append(True)
            raise error

    return raise_once
