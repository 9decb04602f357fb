"""Rows that the target cannot hold: put aside with reason and scope, limited, and read again after a fix."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.errors import StoreRefused
from tests.support.decisions import failed_checks, planned, release
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.orders import Orders

TABLE = "public.orders"


def _orders(engine: Engine, **registration: Any) -> Orders:
    """Three days, of which the second has two amounts that are too large for the target."""
    orders = Orders(engine, amount="numeric(5,2)", **registration)
    orders.days(1, 3)
    orders.insert((250, "2025-01-02", "large", "12345"), (251, "2025-01-02", "larger", "99999"))
    return orders


def _put_aside(engine: Engine) -> list[tuple[Any, ...]]:
    rows = engine.sql(
        "SELECT scope, reason, source_row ->> 'id' AS id, resolved_by IS NOT NULL AS resolved"
        " FROM refresh.refresh_quarantine ORDER BY quarantine_id"
    )
    return [tuple(row.values()) for row in rows]


def _replay(engine: Engine) -> dict[str, Any]:
    (row,) = engine.sql("SELECT refresh.replay_quarantine(:table, 'ada') AS run_id", table=TABLE)
    return engine.deliver(planned(engine, row["run_id"], TABLE))


OPEN = [("2025-01-02", "does_not_fit_numeric", "250", False), ("2025-01-02", "does_not_fit_numeric", "251", False)]


@pytest.mark.parametrize("slice_rows", [1, 1000])
def test_rows_are_put_aside_with_their_scope_which_alone_counts_them(engine: Engine, slice_rows: int) -> None:
    orders = _orders(engine, slice_target_rows=slice_rows)
    assert orders.refresh()["reason"] == "rows_quarantined"
    assert _put_aside(engine) == OPEN
    state = engine.sql("SELECT scope, rows_quarantined AS n FROM refresh.refresh_partition_state ORDER BY 1")
    assert [(row["scope"], row["n"]) for row in state] == [("2025-01-01", 0), ("2025-01-02", 2), ("2025-01-03", 0)]
    task = orders.refresh()
    assert (task["status"], task["details"]["rows_quarantined_before"]) == ("warning", 2)


def test_a_replay_reads_their_scopes_again_and_no_others(engine: Engine) -> None:
    orders = _orders(engine)
    first = orders.refresh()
    task = _replay(engine)
    assert (task["status"], task["rows_read"], task["rows_quarantined"], task["rows_unchanged"]) == ("warning", 6, 2, 4)
    assert _put_aside(engine) == [(*one[:3], True) for one in OPEN] + OPEN
    (resolved,) = engine.sql(
        "SELECT DISTINCT resolved_by FROM refresh.refresh_quarantine WHERE resolved_by IS NOT NULL"
    )
    assert resolved["resolved_by"] == task["run_id"] != first["run_id"]
    check_invariants(engine)


def test_after_a_fix_the_rows_are_published_and_resolved(engine: Engine) -> None:
    orders = _orders(engine)
    orders.refresh()
    engine.sql("ALTER TABLE public.orders ALTER COLUMN amount TYPE numeric(9,2)")
    task = _replay(engine)
    assert (task["status"], task["rows_inserted"], task["rows_quarantined"]) == ("success", 2, 0)
    assert orders.target() == orders.source()
    assert {row[3] for row in _put_aside(engine)} == {True}
    with pytest.raises(StoreRefused) as caught:
        _replay(engine)
    assert caught.value.sqlstate == "RF009"


def test_mended_at_the_source_they_are_resolved_by_the_next_run(engine: Engine) -> None:
    orders = _orders(engine)
    orders.refresh()
    engine.bigquery("UPDATE `{d}.orders` SET amount = 5 WHERE id IN (250, 251)")
    assert orders.refresh()["status"] == "success"
    assert {row[3] for row in _put_aside(engine)} == {True}


@pytest.mark.parametrize("limit", [{"max_rows": 1}, {"max_share": 0.1}, {"max_rows": 5, "max_share": 0.01}])
def test_too_many_hold_the_table_until_somebody_releases_what_fits(engine: Engine, limit: dict[str, Any]) -> None:
    orders = _orders(engine, checks=json.dumps({"quarantine": limit}))
    held = orders.refresh()
    assert (held["status"], held["reason"]) == ("held", "too_many_quarantined")
    assert "2 of 14 rows went into quarantine" in held["error"]
    assert failed_checks(engine, held) == [(None, "quarantine", "hold", False)]
    assert not orders.target()
    task = release(engine, TABLE)
    assert (task["status"], task["reason"], task["rows_inserted"]) == ("warning", "rows_quarantined", 12)
    assert _put_aside(engine) == OPEN
    check_invariants(engine)


@pytest.mark.parametrize("limit", [{"max_rows": 2}, {"max_share": 0.2}, {"max_rows": 0, "outcome": "off"}])
def test_within_the_limit_nothing_is_held(engine: Engine, limit: dict[str, Any]) -> None:
    orders = _orders(engine, checks=json.dumps({"quarantine": limit}))
    assert orders.refresh()["reason"] == "rows_quarantined"
    assert len(orders.target()) == 12


@pytest.mark.parametrize(
    ("kind", "target", "bucket", "literal"),
    [
        ("TIMESTAMP", "timestamptz", "week", "TIMESTAMP '2025-01-01 23:30:00-05'"),
        ("DATETIME", "timestamp", "month", "DATETIME '2025-01-31 12:00:00'"),
        ("DATE", "date", "week", "DATE '2025-01-05'"),
        ("STRING", "text", "hash:7", "'some text'"),
        ("INT64", "bigint", "hash:7", "-42"),
        ("BOOL", "boolean", None, "true"),
        ("INT64", "bigint", None, "7"),
        ("DATE", "date", None, "NULL"),
    ],
)
def test_the_scope_of_a_row_that_is_put_aside_is_that_of_its_source(
    engine: Engine, kind: str, target: str, bucket: str | None, literal: str
) -> None:
    engine.bigquery(f"CREATE TABLE `{{d}}.events` (id INT64, at {kind}, text STRING)")
    engine.sql(f"CREATE TABLE public.events (id bigint PRIMARY KEY, at {target}, text varchar(3))")
    engine.register("public.events", "events", scope_column="at", scope_bucket=bucket)
    engine.bigquery(f"INSERT INTO `{{d}}.events` VALUES (1, {literal}, 'too long')")
    assert engine.refresh("public.events")["status"] == "warning"
    (row,) = engine.sql(
        "SELECT q.scope IS NOT DISTINCT FROM p.scope AS same, p.rows_quarantined, q.scope"
        " FROM refresh.refresh_quarantine q JOIN refresh.refresh_partition_state p USING (table_schema, table_name)"
    )
    assert (row["same"], row["rows_quarantined"]) == (True, 1), row
