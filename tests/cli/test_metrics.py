"""`metrics` and `health`."""

from __future__ import annotations

from tests.cli.conftest import NARROW, Operator


def test_figures_of_a_table_by_day_with_a_picture(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    assert "no refresh has ended" in refreshctl.well("metrics", table).out
    refreshctl.well("trigger", table, "--watch")
    document = refreshctl.well("metrics", table, "--days", "3", "--json").json
    assert (document["overall"]["tasks"], document["overall"]["rows_inserted"]) == (1, 3)
    shown = refreshctl.well("metrics", table, "--days", "3", env=NARROW).out
    said = " ".join(shown.split())
    assert said.startswith(f"{table}, 3 days to today: 1 refresh, 100 % of them well; 0 B billed ($0.00)")
    assert "rows written  ··█" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_of_all_tables_each_has_a_line(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    refreshctl.well("trigger", table, "--watch")
    assert table in refreshctl.well("metrics").out
    per_table = refreshctl.well("metrics", "--json").json["per_table"]
    assert table in [one["table"] for one in per_table]
    assert refreshctl("metrics", "--days", "100").code == 2
    assert refreshctl("metrics", "shop.nothing").code == 5


def test_the_health_of_each_component(refreshctl: Operator) -> None:
    assert refreshctl.well("health", "--json").json["status"] == "ok"
    shown = refreshctl.well("health").out
    assert all(name in shown for name in ("database", "bigquery", "pubsub", "sweep"))
