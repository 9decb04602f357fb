"""A dry run moves nothing, and its report is what a live run then does."""

from __future__ import annotations

from typing import Any

import pytest

from shared.ports import Row
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.orders import Orders

_STATE = {
    "target": "SELECT * FROM public.orders ORDER BY 1, 2, 3, 4",
    "registry": "SELECT * FROM refresh.refresh_table_registry ORDER BY table_schema, table_name",
    "partition state": "SELECT * FROM refresh.refresh_partition_state ORDER BY table_schema, table_name, scope",
    "quarantine": "SELECT * FROM refresh.refresh_quarantine ORDER BY quarantine_id",
    "events": "SELECT * FROM refresh.refresh_outbox WHERE topic = 'refresh-events' ORDER BY outbox_id",
    "views": "SELECT * FROM refresh.materialized_view_refresh_status",
    "input versions": "SELECT * FROM refresh.refresh_input_version",
}


def state(engine: Engine) -> dict[str, list[Row]]:
    """Everything that dashboards and later runs go by."""
    return {name: engine.sql(sql) for name, sql in _STATE.items()}


def report(engine: Engine, task: Row) -> dict[str | None, Row]:
    """The report's scopes, by scope value."""
    rows = engine.sql("SELECT * FROM refresh.refresh_diff WHERE run_id = :run", run=task["run_id"])
    return {row["scope"]: row for row in rows}


def would_be(task: Row) -> dict[str, int]:
    found: dict[str, int] = task["details"]["would_be"]
    return found


def done(task: Row) -> dict[str, int]:
    names = ("inserted", "updated", "deleted", "unchanged")
    return {name: task[f"rows_{name}"] for name in names} | {"refused": task["details"]["rows_refused"]}


def changed_orders(engine: Engine, **options: Any) -> Orders:
    """Published orders, and then every kind of change at the source."""
    orders = Orders(engine, **options)
    orders.days(1, 5)
    orders.refresh()
    engine.bigquery("UPDATE `{d}.orders` SET amount = NUMERIC '9.25', customer = NULL WHERE id = 101")
    engine.bigquery("UPDATE `{d}.orders` SET amount = NUMERIC '9.25' WHERE id = 102")
    engine.bigquery("UPDATE `{d}.orders` SET day = DATE '2025-01-02' WHERE id = 103")
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 201 OR day = DATE '2025-01-04'")
    orders.insert((901, "2025-01-09", "new", "1"), (902, "2025-01-09", None, "2"), (303, "2025-01-10", "doubled", "3"))
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 303 AND day < DATE '2025-01-09'")
    return orders


SHAPES: dict[str, dict[str, Any]] = {
    "with a key": {},
    "in small slices": {"slice_target_rows": 3, "parallelism": 2},
    "without a key": {"keyed": False},
    "without scopes": {"scope_column": None},
    "whole": {"strategy": "replace"},
    "append": {"strategy": "append"},
    "narrow": {"amount": "numeric(12,2)"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_moved_and_a_live_run_does_what_was_reported(engine: Engine, shape: str) -> None:
    orders = changed_orders(engine, **SHAPES[shape])
    before = state(engine)
    task = orders.refresh(mode="dry_run")
    assert task["error"] is None
    assert task["status"] == ("warning" if shape == "append" else "success")
    assert task["rows_staged"] == task["rows_unchanged"] > 0
    assert state(engine) == before
    assert engine.staging_tables() == []

    scopes = report(engine, task)
    live = orders.refresh()
    assert live["status"] == task["status"]
    assert would_be(task) == done(live)
    assert sum(would_be(task).values()) > 0
    for name in ("inserted", "updated", "deleted"):
        assert sum(row[f"rows_{name}"] for row in scopes.values()) == live[f"rows_{name}"]
    check_invariants(engine)


def test_the_report_says_scope_by_scope_what_would_become_of_which_rows(engine: Engine) -> None:
    orders = changed_orders(engine)
    scopes = report(engine, orders.refresh(mode="dry_run"))
    assert {scope: row["action"] for scope, row in scopes.items()} == {
        "2025-01-01": "changed",
        "2025-01-02": "changed",
        "2025-01-03": "changed",
        "2025-01-04": "vanished",
        "2025-01-09": "changed",
        "2025-01-10": "changed",
    }
    first = scopes["2025-01-01"]
    assert (first["rows"], first["rows_published"]) == (3, 4)
    assert (first["rows_inserted"], first["rows_updated"], first["rows_deleted"]) == (0, 2, 0)
    assert first["columns"] == {"amount": 2, "customer": 1}
    assert sorted(first["samples"]["updated"], key=lambda row: row["key"]["id"]) == [
        {"key": {"id": 101}, "columns": ["customer", "amount"]},
        {"key": {"id": 102}, "columns": ["amount"]},
    ]
    second = scopes["2025-01-02"]
    assert (second["rows_updated"], second["rows_deleted"], second["columns"]) == (1, 1, {"day": 1})
    assert second["samples"]["deleted"] == [{"id": 201}]
    assert scopes["2025-01-04"]["rows_deleted"] == 4
    assert sorted(one["id"] for one in scopes["2025-01-09"]["samples"]["inserted"]) == [901, 902]


def test_a_first_load_is_all_inserts(engine: Engine) -> None:
    orders = Orders(engine, amount="numeric(12,2)")
    orders.days(1, 3)
    task = orders.refresh(mode="dry_run")
    assert (task["status"], would_be(task)["inserted"]) == ("success", 12)
    assert not orders.target()
    assert orders.refresh()["rows_inserted"] == 12


def test_a_table_that_another_process_fills_is_compared_as_it_stands(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 2)
    engine.sql(
        "INSERT INTO public.orders SELECT 100 + n, '2025-01-01', 'customer ' || n, 0.5 FROM generate_series(0, 4) n"
    )
    task = orders.refresh(mode="dry_run")
    assert would_be(task) == {"inserted": 4, "updated": 3, "deleted": 1, "unchanged": 1, "refused": 0}
    assert done(orders.refresh()) == would_be(task)


def test_with_nothing_new_it_says_so(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 2)
    orders.refresh()
    task = orders.refresh(mode="dry_run")
    assert (task["status"], task["slices_skipped"]) == ("no_new_data", 2)
    assert report(engine, task) == {}


def test_rows_that_do_not_fit_are_counted_and_not_kept(engine: Engine) -> None:
    orders = Orders(engine, amount="numeric(12,2)")
    orders.insert((1, "2025-01-01", "a", "1.25"), (2, "2025-01-01", "b", "1.255"))
    task = orders.refresh(mode="dry_run")
    assert (task["status"], task["reason"], task["rows_quarantined"]) == ("warning", "rows_quarantined", 1)
    assert task["details"]["quarantined"] == [{"reason": "does_not_fit_numeric", "column": "amount", "rows": 1}]
    assert engine.sql("SELECT FROM refresh.refresh_quarantine") == []


def test_what_would_be_held_is_held(engine: Engine) -> None:
    orders = Orders(engine)
    orders.days(1, 4)
    orders.refresh()
    engine.bigquery("DELETE FROM `{d}.orders` WHERE day > DATE '2025-01-01'")
    before = state(engine)
    task = orders.refresh(mode="dry_run")
    assert (task["status"], task["reason"]) == ("held", "halved_source")
    assert state(engine) == before


def test_a_key_that_stands_twice_fails_it_as_it_fails_a_refresh(engine: Engine) -> None:
    orders = Orders(engine)
    orders.insert((1, "2025-01-01", "a", "1"), (1, "2025-01-02", "b", "1"))
    task = orders.refresh(mode="dry_run")
    assert (task["status"], task["reason"]) == ("failed", "duplicate_key")


def test_what_a_live_run_publishes_meanwhile_is_not_promised_again(engine: Engine) -> None:
    changed_orders(engine)
    message = engine.task("public.orders", mode="dry_run")
    live = engine.another()
    engine.steps.actions["publishing_claimed"] = lambda: live.refresh("public.orders")
    task = engine.deliver(message)
    assert (task["status"], task["reason"]) == ("skipped", "superseded")
    assert sum(would_be(task).values()) == 0
    live.close()
    check_invariants(engine)


def test_a_plan_tells_what_changed_and_reads_none_of_it(engine: Engine) -> None:
    orders = changed_orders(engine, slice_target_rows=4)
    before = state(engine)
    steps = len(engine.steps.seen)
    task = orders.refresh(mode="plan")
    assert (task["status"], task["error"]) == ("success", None)
    assert "slice_claimed" not in engine.steps.seen[steps:]
    assert state(engine) == before
    assert (task["rows_read"], task["slices_open"]) == (0, 0)
    scopes = report(engine, task)
    assert {row["rows_inserted"] for row in scopes.values()} == {None}
    live = orders.refresh()
    assert task["slices_total"] == live["slices_total"] > 1
    assert sum(row["rows"] for row in scopes.values()) == live["rows_read"]
    check_invariants(engine)
