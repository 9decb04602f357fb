"""`rollback`, `publishes`, `release`, `refuse` and `costs`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import NARROW, Operator


def test_a_run_is_taken_back(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    first = refreshctl.well("trigger", table, "--watch", "--json").json["run_id"]
    refreshctl.system.bigquery(f"UPDATE {table} SET amount = NUMERIC '9' WHERE id = 1")
    second = refreshctl.well("trigger", table, "--force", "--watch", "--json").json["run_id"]
    listed = refreshctl.well("publishes", table, env=NARROW)
    assert max(map(len, listed.out.splitlines())) <= 80
    assert [one["run_id"] for one in refreshctl.well("publishes", table, "--json").json["items"]] == [second, first]
    assert refreshctl("rollback", second, "--reason", "wrong").code == 2
    refused = refreshctl("rollback", first, "--reason", "wrong", "--yes")
    assert refused.code == 4
    done = refreshctl.well("rollback", second, "--reason", "wrong", "--table", table, "--yes")
    assert table in done.out
    (row,) = refreshctl.system.sql(f"SELECT amount FROM {table} WHERE id = 1")
    assert float(row["amount"]) == 1.5
    assert refreshctl.well("publishes", table, "--json").json["items"][0]["state"] == "rolled_back"
    assert refreshctl("rollback", "00000000-0000-0000-0000-000000000000", "--reason", "x", "--yes").code == 5


@pytest.fixture
def held(refreshctl: Operator) -> str:
    """A table whose source has lost most of its rows."""
    table = refreshctl.table("orders", rows=6)
    refreshctl.well("trigger", table, "--watch")
    refreshctl.system.bigquery(f"DELETE FROM {table} WHERE id > 0")
    done = refreshctl("trigger", table, "--force", "--watch")
    assert done.code == 1
    assert f"{table}: held (halved_source)" in done.out
    return table


def test_what_was_held_is_released(refreshctl: Operator, held: str) -> None:
    asked = refreshctl("release", held)
    assert (asked.code, "Give --yes" in asked.err) == (2, True)
    refreshctl.well("release", held, "--yes", "--watch")
    assert len(refreshctl.system.sql(f"SELECT FROM {held}")) == 1
    assert refreshctl("release", held, "--yes").code == 4


def test_what_was_held_is_refused(refreshctl: Operator, held: str) -> None:
    assert "refused" in refreshctl.well("refuse", held, "--reason", "half of it is missing", "--yes").out
    again = refreshctl("release", held, "--yes")
    assert again.code == 4
    assert refreshctl("refuse", "shop.nothing", "--reason", "x", "--yes").code == 5


def test_a_months_costs(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    refreshctl.well("trigger", table, "--watch")
    assert refreshctl.well("costs", "--json").json["usd_per_tib"] == 6.25
    assert "jobs" in refreshctl.well("costs").out
    assert "of a day" in refreshctl.well("costs", "--today").out
    assert refreshctl.well("costs", "--today", "--json").json["bytes_spent"] >= 0
    assert refreshctl("costs", "--month", "June").code == 2
