"""`backfill`, `quarantine` and `shadow`."""

from __future__ import annotations

from tests.cli.conftest import NARROW, Operator


def test_a_backfill_is_started_watched_and_cancelled(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    done = refreshctl.well("backfill", "start", table, "--from", "2025-06-01", "--to", "2025-06-02", "--watch")
    assert f"{table}: success" in done.out
    (listed,) = refreshctl.well("backfill", "list", table, "--json").json["items"]
    assert (listed["scope_from"], listed["status"]) == ("2025-06-01", "success")
    assert listed["backfill_id"] in refreshctl.well("backfill", "list", table).out
    refreshctl.well("backfill", "show", listed["backfill_id"])
    assert refreshctl("backfill", "cancel", listed["backfill_id"]).code == 2
    refreshctl.well("backfill", "cancel", listed["backfill_id"], "--yes")
    assert refreshctl("backfill", "start", table, "--from", "2025-06-02", "--to", "2025-06-01").code == 4
    assert refreshctl("backfill", "show", "00000000-0000-0000-0000-000000000000").code == 5


def test_what_was_put_aside_is_listed_and_read_anew(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    refreshctl.system.sql(f"ALTER TABLE {table} ALTER amount TYPE numeric(2,1)")
    refreshctl.system.bigquery(f"UPDATE {table} SET amount = NUMERIC '12345' WHERE id = 1")
    assert refreshctl("trigger", table, "--watch").code == 1
    (row,) = refreshctl.well("quarantine", "list", table, "--json").json["items"]
    assert (row["column"], row["resolved_at"]) == ("amount", None)
    shown = refreshctl.well("quarantine", "list", table, "--state", "open", env=NARROW).out
    assert max(map(len, shown.splitlines())) <= 80
    refreshctl.system.bigquery(f"UPDATE {table} SET amount = NUMERIC '1.5' WHERE id = 1")
    refreshctl.well("quarantine", "replay", table, "--watch")
    assert refreshctl.well("quarantine", "list", table, "--state", "open", "--json").json["items"] == []
    assert refreshctl("quarantine", "replay", table).code == 4


def test_a_shadow_is_reported_promoted_and_demoted(refreshctl: Operator) -> None:
    table = refreshctl.table("orders", mode="shadow")
    refreshctl("trigger", table, "--mode", "shadow", "--watch")
    report = refreshctl("shadow", "report", table)
    assert report.code == 1
    assert "of 14 clean days in a row" in report.out
    assert refreshctl("shadow", "promote", table, "--yes").code == 4
    assert refreshctl("shadow", "promote", table, "--force", "--yes").code == 2
    refreshctl.well("shadow", "promote", table, "--force", "--reason", "a test", "--yes")
    assert len(refreshctl.system.sql(f"SELECT FROM {table}")) == 3
    assert "shadow of 3 rows" in refreshctl.well("shadow", "demote", table, "--reason", "a test", "--yes").out
