"""Checks that a table asks for: each may warn or hold, before a row is read where BigQuery can tell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain.errors import StoreRefused
from shared.refresh import staged_checks
from tests.support.decisions import failed_checks, release
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.orders import Orders

TABLE = "public.orders"
BY_SCOPE: dict[str, tuple[dict[str, Any], str]] = {
    "null_share": ({"null_share": {"customer": {"max": 0.25}}}, "null_share(customer)"),
    "range of numbers": ({"range": {"amount": {"min": 0, "max": 99.5}}}, "range(amount)"),
    "range of whole numbers": ({"range": {"id": {"max": 299}}}, "range(id)"),
    "range of days": ({"range": {"day": {"max": "2025-01-02"}}}, "range(day)"),
    "allowed_values": (
        {"allowed_values": {"customer": {"values": ["customer 0", "customer 1"]}}},
        "allowed_values(customer)",
    ),
    "row_count, too few": ({"row_count": {"min_ratio": 0.9}}, "row_count"),
    "row_count, too many": ({"row_count": {"max_ratio": 1.5}}, "row_count"),
}
"""Checks that the third day fails, and the first two do not."""


def _orders(engine: Engine, checks: dict[str, Any], third: list[tuple[Any, ...]]) -> Orders:
    orders = Orders(engine, checks=json.dumps(checks))
    orders.days(1, 2, rows=2)
    if third:
        orders.insert(*third)
    return orders


def _with(checks: dict[str, Any], outcome: str) -> dict[str, Any]:
    """The same checks with that outcome."""
    return {
        kind: rule | {"outcome": outcome}
        if kind in ("row_count", "quarantine")
        else {name: one | {"outcome": outcome} for name, one in rule.items()}
        for kind, rule in checks.items()
    }


def _third_day(case: str) -> list[tuple[Any, ...]]:
    if case == "row_count, too few":
        return [(300, "2025-01-03", "customer 0", "1")]
    rows = [(300, "2025-01-03", "customer 0", "1"), (301, "2025-01-03", None, "1"), (302, "2025-01-03", "x", "100")]
    return [*rows, (303, "2025-01-03", None, "1")] if case == "row_count, too many" else rows


@pytest.mark.parametrize("case", BY_SCOPE)
def test_a_check_that_holds_holds_its_scope_before_a_row_of_it_is_read(engine: Engine, case: str) -> None:
    checks, metric = BY_SCOPE[case]
    orders = _orders(engine, checks, _third_day(case))
    task = orders.refresh()
    assert (task["status"], task["reason"], task["rows_read"]) == ("warning", "scopes_held", 4), task["error"]
    assert failed_checks(engine, task) == [("2025-01-03", metric, "hold", False)]
    assert f"2025-01-03: {metric} is " in task["error"]
    assert {row[0] // 100 for row in orders.target()} == {1, 2}
    assert release(engine, TABLE)["status"] == "success"
    assert orders.target() == orders.source()
    check_invariants(engine)


@pytest.mark.parametrize("case", ["null_share", "range of numbers", "allowed_values", "row_count, too few"])
def test_a_check_that_warns_lets_its_scope_pass(engine: Engine, case: str) -> None:
    checks, metric = BY_SCOPE[case]
    orders = _orders(engine, _with(checks, "warn"), _third_day(case))
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("warning", "checks_warned")
    assert failed_checks(engine, task) == [("2025-01-03", metric, "warn", False)]
    assert orders.target() == orders.source()


def test_checks_are_kept_when_they_pass_and_not_made_when_they_are_off(engine: Engine) -> None:
    checks = {"range": {"amount": {"min": 0}, "id": {"max": 1, "outcome": "off"}}}
    orders = _orders(engine, checks, [])
    assert orders.refresh()["status"] == "success"
    found = engine.sql(
        "SELECT metric, scope, value, threshold, passed FROM refresh.refresh_data_quality ORDER BY scope"
    )
    assert [(row["metric"], row["scope"], row["passed"]) for row in found] == [
        ("range(amount)", "2025-01-01", True),
        ("range(amount)", "2025-01-02", True),
    ]


NEGATIVE = "SELECT id FROM staged WHERE amount < 0 -- none may be"


def test_a_table_s_own_sql_holds_what_is_staged_and_a_release_publishes_just_that(engine: Engine) -> None:
    orders = Orders(engine, checks=json.dumps({"custom_sql": {"no_negatives": {"sql": NEGATIVE}}}))
    orders.days(1, 2)
    assert orders.refresh()["status"] == "success"
    published = orders.target()
    orders.insert((900, "2025-01-09", "x", "-1"), (901, "2025-01-09", "x", "-2"))
    engine.bigquery("UPDATE `{d}.orders` SET amount = -5 WHERE id = 900 OR id = 901")
    held = orders.refresh()
    assert (held["status"], held["reason"]) == ("held", "checks_held")
    assert held["error"] == "custom_sql(no_negatives) returned 2 row(s), and must return none; nothing was changed"
    assert failed_checks(engine, held) == [(None, "custom_sql(no_negatives)", "hold", False)]
    assert orders.target() == published
    assert engine.staging_tables() == [held["staging_table"]]
    engine.steps.seen.clear()
    assert release(engine, TABLE)["status"] == "success"
    assert "staging_adopted" in engine.steps.seen
    assert orders.target() == orders.source()
    check_invariants(engine)


def test_a_table_s_own_sql_may_only_warn(engine: Engine) -> None:
    checks = {"custom_sql": {"few": {"sql": "SELECT count(*) FROM staged HAVING count(*) < 100", "outcome": "warn"}}}
    orders = Orders(engine, checks=json.dumps(checks))
    orders.days(1, 2)
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("warning", "checks_warned")
    assert orders.target() == orders.source()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT nothing FROM staged", 'column "nothing" does not exist'),
        ("DELETE FROM staged", "syntax error"),
        ("SELECT 1; DROP TABLE public.orders", "syntax error"),
        ("SELECT 1) AS a; DO $$BEGIN END$$; SELECT count(*) FROM (SELECT 1 WHERE false", "multi-query"),
        ("SELECT 1) AS a; SELECT count(*) FROM (SELECT 1 WHERE false", "multi-query"),
        ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()", "permission denied"),
        ("SELECT * FROM query_to_xml('SELECT * FROM refresh.webhook_endpoint', true, true, '')", "permission denied"),
        ("SELECT lo_import('/etc/passwd')", "permission denied"),
        ("SELECT set_config('session_authorization', 'postgres', true)", "cannot set parameter"),
        ("SELECT * FROM public.orders", "permission denied"),
        ("SELECT * FROM refresh.refresh_run", "permission denied"),
        ("WITH gone AS (DELETE FROM public.orders RETURNING 1) SELECT * FROM gone", "data-modifying"),
        ("SELECT set_config('role', 'refresh_loader', true)", "cannot set parameter"),
        ("SELECT set_config('transaction_read_only', 'off', true)", "read-write mode"),
        ("SELECT pg_read_file('/etc/passwd')", "permission denied"),
        ("SELECT 1 FROM staged WHERE 1 / (id - id) > 0", "division by zero"),
    ],
)
def test_a_table_s_own_sql_reads_what_is_staged_and_does_nothing_else(engine: Engine, sql: str, said: str) -> None:
    orders = Orders(engine, checks=json.dumps({"custom_sql": {"own": {"sql": sql}}}))
    orders.days(1, 1)
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("failed", "check_failed")
    assert "custom_sql own cannot be run" in task["error"]
    assert said in task["error"]
    assert not orders.target()
    check_invariants(engine)


@pytest.mark.parametrize("then", ["", " AND 1 / (id - id) > 0"])
def test_a_lock_that_a_table_s_own_sql_takes_is_not_kept(engine: Engine, then: str) -> None:
    """Nobody could ask for a run any more, for as long as the connection lasts."""
    lock = "pg_try_advisory_lock(hashtextextended('refresh.request_run', 0))"
    sql = f"SELECT id FROM staged WHERE {lock}{then}"
    orders = Orders(engine, checks=json.dumps({"custom_sql": {"own": {"sql": sql}}}))
    orders.days(1, 1)
    assert orders.refresh()["reason"] == ("check_failed" if then else "checks_held")
    assert engine.sql("SELECT count(*)::int AS locks FROM pg_locks WHERE locktype = 'advisory'") == [{"locks": 0}]


def test_one_check_s_settings_are_not_the_next_one_s(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staged_checks, "CHECK_SECONDS", 1)
    own = {
        "a": {"sql": "SELECT set_config('statement_timeout', '0', false)", "outcome": "warn"},
        "b": {"sql": "SELECT pg_sleep(20)", "outcome": "warn"},
    }
    orders = Orders(engine, checks=json.dumps({"custom_sql": own}))
    orders.days(1, 1)
    task = orders.refresh()
    assert task["reason"] == "check_failed"
    assert "custom_sql b took longer than 1 s" in task["error"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"null_share": {"customer": {"max": 2}}}, "null_share of customer"),
    ({"null_share": {"customer": {}}}, "null_share of customer"),
    ({"null_share": {"nobody": {"max": 0.5}}}, "null_share of nobody, which the table does not have"),
    ({"null_share": 0.5}, "null_share = 0.5"),
    ({"range": {"amount": {}}}, "range of amount"),
    ({"range": {"amount": {"min": True}}}, "range of amount"),
    ({"range": {"amount": {"least": 0}}}, "range of amount"),
    ({"allowed_values": {"customer": {"values": []}}}, "allowed_values of customer"),
    ({"allowed_values": {"customer": {"values": [None]}}}, "allowed_values of customer"),
    ({"row_count": {}}, "row_count"),
    ({"row_count": {"min_ratio": 0.5, "history": 0}}, "row_count"),
    ({"custom_sql": {"own": {"sql": " "}}}, "custom_sql of own"),
    ({"quarantine": {"max_rows": -1}}, "quarantine"),
    ({"quarantine": {"max_share": 0.5, "outcome": "stop"}}, "quarantine"),
    ({"max_deleted_share": "half"}, "max_deleted_share"),
    ({"weekday": {"max": 0}}, "weekday"),
]


@pytest.mark.parametrize(("checks", "named"), REFUSED, ids=lambda one: json.dumps(one)[:60])
def test_checks_of_a_wrong_shape_are_refused_when_they_are_registered(
    engine: Engine, checks: dict[str, Any], named: str
) -> None:
    engine.sql("CREATE TABLE public.orders (id bigint PRIMARY KEY, day date, customer text, amount numeric)")
    with pytest.raises(StoreRefused) as caught:
        engine.register(TABLE, "orders", checks=json.dumps(checks))
    assert f"public.orders: checks has {named}" in str(caught.value)
    assert caught.value.sqlstate == "23514"


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ({"range": {"customer": {"min": 1}}}, "range is for numbers, dates and timestamps, and customer is STRING"),
        ({"range": {"day": {"min": 5}}}, "5 is no bound for a DATE"),
        ({"range": {"amount": {"min": "low"}}}, "'low' is no bound for a NUMERIC"),
        ({"allowed_values": {"amount": {"values": [1]}}}, "allowed_values is for texts"),
        ({"null_share": {"note": {"max": 0.5}}}, "null_share names note, which gets no value from the source"),
    ],
)
def test_what_only_the_source_tells_fails_the_first_run(engine: Engine, checks: dict[str, Any], said: str) -> None:
    orders = Orders(engine)
    orders.days(1, 1)
    engine.sql("ALTER TABLE public.orders ADD COLUMN note text")
    engine.sql("UPDATE refresh.refresh_table_registry SET checks = CAST(:checks AS jsonb)", checks=json.dumps(checks))
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("failed", "invalid_registration")
    assert said in task["error"]
