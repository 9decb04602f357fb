"""Shadow runs: the same run into a table of its own, compared with the live one exactly."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.errors import StoreRefused
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.shadows import ShadowedOrders

_LIVE_STATE = {
    "target": "SELECT * FROM public.orders ORDER BY 1, 2, 3, 4",
    "registry": "SELECT * FROM refresh.refresh_table_registry ORDER BY table_schema, table_name",
    "partition state": "SELECT * FROM refresh.refresh_partition_state ORDER BY table_schema, table_name, scope",
    "publishes": "SELECT * FROM refresh.refresh_publish",
    "events": "SELECT * FROM refresh.refresh_outbox WHERE topic = 'refresh-events' ORDER BY outbox_id",
}


def live_state(engine: Engine) -> dict[str, Any]:
    return {name: engine.sql(sql) for name, sql in _LIVE_STATE.items()}


def differences(orders: ShadowedOrders) -> tuple[int, int, int]:
    report = orders.report()
    return report["missing"], report["extra"], report["differing"]


@pytest.mark.parametrize("options", [{}, {"amount": "numeric(12,2)"}, {"keyed": False}, {"scope_column": None}])
def test_a_shadow_becomes_what_the_source_has_and_the_live_table_stays(engine: Engine, options: dict[str, Any]) -> None:
    orders = ShadowedOrders(engine, **options)
    orders.days(1, 4)
    orders.legacy()
    before = live_state(engine)
    task = orders.shadow_run()
    assert (task["status"], task["error"], task["rows_inserted"]) == ("success", None, 16)
    assert orders.shadow() == orders.source()
    assert differences(orders) == (0, 0, 0)

    orders.change()
    task = orders.shadow_run()
    assert (task["status"], task["error"]) == ("success", None)
    assert orders.shadow() == orders.source()
    assert orders.shadow_run()["status"] == "no_new_data", "the shadow has a state of its own"
    assert live_state(engine) == before
    check_invariants(engine)


def test_the_report_has_exactly_the_differences_that_are_there(engine: Engine) -> None:
    orders = ShadowedOrders(engine)
    orders.days(1, 4)
    orders.insert((1, "2025-01-05", None, None), (2, "2025-01-05", "same", "1"))
    orders.legacy()
    engine.sql("DELETE FROM public.orders WHERE id IN (101, 102)")
    engine.sql("INSERT INTO public.orders VALUES (9001, '2025-01-07', 'extra', 1)")
    engine.sql("UPDATE public.orders SET amount = 'NaN', customer = 'other' WHERE id = 201")
    engine.sql("UPDATE public.orders SET amount = amount + 0.001 WHERE id = 202")
    engine.sql("UPDATE public.orders SET amount = 0 WHERE id = 1")
    engine.sql("UPDATE public.orders SET customer = NULL WHERE id = 2")
    orders.shadow_run()
    report = orders.report()
    assert (report["rows_shadow"], report["rows_live"], report["clean"]) == (18, 17, False)
    assert differences(orders) == (2, 1, 4)
    assert report["columns"] == {"amount": 3, "customer": 2}
    assert sorted(row["id"] for row in report["samples"]["missing"]) == [101, 102]
    assert report["samples"]["extra"] == [{"id": 9001}]
    found = {row["key"]["id"]: row["columns"] for row in report["samples"]["differing"]}
    assert found[201] == {
        "amount": {"live": "NaN", "shadow": 1.5},
        "customer": {"live": "other", "shadow": "customer 1"},
    }
    assert found[1] == {"amount": {"live": 0, "shadow": None}}
    assert found[2] == {"customer": {"live": None, "shadow": "same"}}
    assert report["scopes"] == [
        {"scope": "2025-01-01", "missing": 2, "extra": 0, "differing": 0},
        {"scope": "2025-01-02", "missing": 0, "extra": 0, "differing": 2},
        {"scope": "2025-01-05", "missing": 0, "extra": 0, "differing": 2},
        {"scope": "2025-01-07", "missing": 0, "extra": 1, "differing": 0},
    ]


TOLERANCES: list[tuple[dict[str, Any], float | str | None, bool]] = [
    ({"absolute": 0.01}, 100.01, True),
    ({"absolute": 0.01}, 100.02, False),
    ({"relative": 0.01}, 101, True),
    ({"relative": 0.01}, 102, False),
    ({"absolute": 3, "relative": 0.001}, 103, True),
    ({"absolute": 1e9, "relative": 1}, None, False),
    ({"absolute": 1e9, "relative": 1}, "NaN", False),
    ({"absolute": 1e9, "relative": 1}, "Infinity", False),
    ({"ignore": True}, None, True),
]


def test_values_may_be_apart_as_far_as_the_tolerance_says(engine: Engine) -> None:
    orders = ShadowedOrders(engine)
    orders.insert(*((n, "2025-01-01", "customer", "100") for n in range(len(TOLERANCES))))
    orders.shadow_run()
    for n, (tolerance, value, near) in enumerate(TOLERANCES):
        orders.legacy()
        engine.sql(
            "UPDATE public.orders SET amount = CAST(CAST(:v AS text) AS numeric) WHERE id = :n",
            v=value if value is None else str(value),
            n=n,
        )
        engine.sql(
            "UPDATE refresh.refresh_table_registry SET shadow_tolerances = CAST(:tolerances AS jsonb)",
            tolerances=json.dumps({"amount": tolerance}),
        )
        orders.shadow_run()
        assert differences(orders) == (0, 0, 0 if near else 1), (tolerance, value)


def test_without_a_key_rows_are_compared_as_a_multiset(engine: Engine) -> None:
    orders = ShadowedOrders(engine, keyed=False)
    orders.insert(*[(1, "2025-01-01", "twice", "1")] * 2, (2, "2025-01-01", None, None), (3, "2025-01-02", "once", "1"))
    orders.legacy()
    engine.sql("DELETE FROM public.orders WHERE ctid = (SELECT min(ctid) FROM public.orders WHERE id = 1)")
    engine.sql("UPDATE public.orders SET customer = 'other' WHERE id = 3")
    orders.shadow_run()
    assert differences(orders) == (2, 1, 0)
    assert {row["customer"] for row in orders.report()["samples"]["missing"]} == {"twice", "once"}


def test_a_lookback_compares_what_it_looks_at(engine: Engine) -> None:
    orders = ShadowedOrders(engine, lookback=30)
    today = engine.source.now().date().isoformat()
    orders.insert((1, "2020-01-01", "old", "1"), (2, today, "new", "2"))
    engine.sql("INSERT INTO public.orders VALUES (7, '2020-01-01', 'only here', 1)")
    orders.shadow_run()
    report = orders.report()
    assert (report["rows_shadow"], report["rows_live"], differences(orders)) == (1, 0, (1, 0, 0))


def test_append_minds_no_rows_that_the_live_table_alone_has(engine: Engine) -> None:
    orders = ShadowedOrders(engine, strategy="append")
    orders.days(1, 2)
    orders.legacy()
    engine.sql("INSERT INTO public.orders VALUES (7, '2020-01-01', 'only here', 1)")
    orders.shadow_run()
    assert differences(orders) == (0, 0, 0)


def test_a_day_has_one_report_the_latest(engine: Engine) -> None:
    orders = ShadowedOrders(engine)
    orders.days(1, 2)
    orders.shadow_run()
    orders.legacy()
    orders.shadow_run()
    orders.next_day()
    assert [(str(row["day"]), row["clean"]) for row in orders.reports()] == [("2025-06-02", True), ("2025-06-03", True)]
    assert engine.sql("SELECT refresh.clean_days('public', 'orders') AS days") == [{"days": 2}]
    engine.sql("DELETE FROM public.orders WHERE id = 101")
    orders.next_day()
    assert engine.sql("SELECT refresh.clean_days('public', 'orders') AS days") == [{"days": 0}]


def test_held_scopes_make_no_clean_day(engine: Engine) -> None:
    orders = ShadowedOrders(engine, checks={"scope_min_ratio": 0.5})
    orders.days(1, 4)
    orders.legacy()
    orders.shadow_run()
    engine.bigquery("DELETE FROM `{d}.orders` WHERE day = DATE '2025-01-02' AND id > 200")
    task = orders.next_day()
    assert task["status"] == "held"
    assert (orders.report()["scopes_held"], orders.report()["clean"]) == (1, False)


def test_when_the_live_table_gets_another_column_the_shadow_is_made_anew(engine: Engine) -> None:
    orders = ShadowedOrders(engine)
    orders.days(1, 2)
    orders.shadow_run()
    engine.sql("ALTER TABLE public.orders ADD COLUMN noted text DEFAULT 'none'")
    engine.sql("ALTER TABLE public.orders ADD COLUMN number serial")
    task = orders.shadow_run()
    assert (task["status"], task["rows_inserted"]) == ("success", 8)
    assert orders.shadow() == orders.source()
    assert engine.sql("SELECT last_value, is_called FROM public.orders_number_seq") == [
        {"last_value": 1, "is_called": False}
    ], "the live table's sequence is not drawn from"


def test_rules_that_make_no_sense_are_refused(engine: Engine) -> None:
    ShadowedOrders(engine)
    change = "UPDATE refresh.refresh_table_registry SET shadow_tolerances = CAST(:t AS jsonb)"
    for wrong, why in (
        ('{"nowhere": {"absolute": 1}}', "does not have"),
        ('{"id": {"ignore": true}}', "told apart"),
        ('{"customer": {"absolute": 1}}', "of type text"),
        ('{"amount": {"absolute": -1}}', "Write"),
        ('{"amount": {"near": 1}}', "Write"),
        ("[]", "JSON object"),
    ):
        with pytest.raises(StoreRefused, match=why):
            engine.sql(change, t=wrong)
    with pytest.raises(StoreRefused, match="from 1 to 365"):
        engine.sql("UPDATE refresh.refresh_table_registry SET shadow_clean_days = 0")
    with pytest.raises(StoreRefused, match="becomes live by promotion"):
        engine.sql("UPDATE refresh.refresh_table_registry SET mode = 'live'")


def test_reports_are_kept_for_a_year_and_more(engine: Engine) -> None:
    orders = ShadowedOrders(engine)
    orders.days(1, 1)
    orders.shadow_run()
    orders.shadow_run(day=orders.day - timedelta(days=500))
    engine.sql("SELECT refresh.cleanup_reports(as_of => CAST('2025-06-02 12:00Z' AS timestamptz))")
    assert [str(row["day"]) for row in orders.reports()] == ["2025-06-02"]
