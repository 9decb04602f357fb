"""A scan that reaches further back than any before meets rows of the target that no run has looked at."""

from __future__ import annotations

from datetime import date, timedelta

from tests.support.engine import Engine
from tests.support.orders import Orders


def test_rows_that_the_source_lost_before_a_longer_lookback_are_deleted(engine: Engine) -> None:
    today = engine.source.now().date()
    orders = Orders(engine, lookback=3)
    orders.insert(*((n, _day(today, n % 3), f"customer {n}", n) for n in range(12)))
    engine.sql("INSERT INTO public.orders VALUES (100, :day, 'only in the target', 1)", day=today - timedelta(days=20))
    assert orders.refresh()["status"] == "success"
    assert orders.target() - orders.source()

    engine.sql("UPDATE refresh.refresh_table_registry SET lookback = NULL")
    task = orders.refresh()
    assert (task["status"], task["rows_deleted"]) == ("success", 1)
    assert orders.target() == orders.source()
    assert orders.refresh()["status"] == "no_new_data"


def _day(today: date, ago: int) -> str:
    return (today - timedelta(days=ago)).isoformat()
