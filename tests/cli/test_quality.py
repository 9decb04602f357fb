"""`verify`, `quality`, `plan` and `report`."""

from __future__ import annotations

from tests.cli.conftest import NARROW, Operator


def test_what_is_equal_is_verified_and_what_is_not_is_named(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    refreshctl.well("trigger", table, "--watch")
    done = refreshctl.well("verify", table)
    assert f"ok {table}: equal, 3 rows in 3 scopes as of" in done.out
    refreshctl.system.sql(f"UPDATE {table} SET amount = 99 WHERE id = 1")
    found = refreshctl("verify", table)
    assert found.code == 1
    assert f"{table}: NOT EQUAL" in found.out
    assert "2025-06-02: source 1 rows, table 1, differing in amount" in found.out
    alerts = refreshctl("status", "--json").json["alerts"]
    assert [(one["kind"], one["table"]) for one in alerts] == [("not_equal", table)]
    refreshctl.well("trigger", table, "--force", "--watch")
    again = refreshctl.well("verify", table, "--json").json
    assert again["tables"][0]["details"]["verified"]["scopes_not_equal"] == 0
    assert refreshctl.well("status", "--json").json["alerts"] == []
    checks = refreshctl.well("quality", table, "--metric", "verified_table", "--json").json["items"]
    assert [one["passed"] for one in checks] == [True, False, True]
    failed = refreshctl.well("quality", table, "--failed", env=NARROW).out
    assert "verified_scope" in failed
    assert max(map(len, failed.splitlines())) <= 80


def test_what_cannot_be_verified_says_why(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    assert "has not been refreshed yet" in " ".join(refreshctl.well("verify", table).out.split())
    assert "run_id" in refreshctl.well("verify", table, "--no-wait", "--json").json
    assert refreshctl("verify", "shop.nothing").code == 5


def test_a_plan_tells_what_a_refresh_would_do_and_does_nothing(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    done = refreshctl.well("plan", table, env=NARROW)
    assert "Nothing was published." in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    (report,) = refreshctl.well("report", "last", "--json").json["tables"]
    assert (report["rows_to_read"], report["rows_inserted"]) == (3, None)
    (exact,) = refreshctl.well("plan", table, "--rows", "--json").json["tables"]
    assert exact["rows_inserted"] == 3
    assert refreshctl.system.sql(f"SELECT FROM {table}") == []
    dry = refreshctl.well("trigger", table, "--mode", "dry_run", "--watch", "--json").json
    assert dry["tables"][0]["details"]["mode"] == "dry_run"
    assert refreshctl.system.sql(f"SELECT FROM {table}") == []
    assert refreshctl("plan", table, "--no-wait").code == 0
    assert refreshctl("plan", "shop.nothing").code == 5
