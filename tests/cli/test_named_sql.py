"""`sql`: a query from its making to its end, with a table that reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.stack import PROJECT
from tests.cli.conftest import Operator


@pytest.fixture
def query(refreshctl: Operator, tmp_path: Path) -> Path:
    """A file with the sums of a day's orders."""
    table = refreshctl.table("orders")
    file = tmp_path / "by_day.sql"
    file.write_text(
        f"SELECT day, SUM(amount) AS amount FROM `{PROJECT}.{table}` FOR SYSTEM_TIME AS OF @snapshot_at GROUP BY day\n"
    )
    return file


def test_a_query_is_made_read_changed_and_removed(refreshctl: Operator, query: Path) -> None:
    name = f"by_day_{refreshctl.schema}"
    made = refreshctl.well("sql", "add", name, "--file", str(query), "--description", "What a day brought")
    assert f"--source sql:{name}" in made.out
    again = refreshctl("sql", "add", name, "--file", str(query))
    assert (again.code, f"refreshctl sql set {name}" in again.err) == (4, True)
    assert name in refreshctl.well("sql", "list").out
    assert refreshctl.well("sql", "show", name, "--json").json["sql"] == query.read_text()
    target = f"{refreshctl.schema}.by_day"
    refreshctl.system.sql(f"CREATE TABLE {target} (day date PRIMARY KEY, amount numeric)")
    refreshctl.well("tables", "add", target, "--source", f"sql:{name}", "--set", "scope_column=day", "--yes")
    refreshctl.well("trigger", target, "--watch")
    assert len(refreshctl.system.sql(f"SELECT FROM {target}")) == 3
    checked = refreshctl.well("sql", "check", name)
    assert "NUMERIC" in checked.out
    assert f"ok {name} works, and so do the tables that read it: {target}." in checked.out
    in_use = refreshctl("sql", "remove", name, "--yes")
    assert in_use.code == 4
    described = refreshctl.well("sql", "set", name, "--description", "Sums", "--json").json
    assert (described["description"], described["tables"]) == ("Sums", [target])


def test_one_that_no_table_reads_is_removed(refreshctl: Operator, query: Path) -> None:
    name = f"by_day_{refreshctl.schema}"
    refreshctl.well("sql", "add", name, "--file", str(query))
    assert refreshctl("sql", "remove", name).code == 2
    assert "is removed" in refreshctl.well("sql", "remove", name, "--yes").out
    assert refreshctl("sql", "show", name).code == 5


def test_what_would_not_work_is_told_before_it_is_kept(refreshctl: Operator, query: Path) -> None:
    name = f"by_day_{refreshctl.schema}"
    query.write_text(query.read_text().replace("FOR SYSTEM_TIME AS OF @snapshot_at", ""))
    for verb in ("check", "add"):
        refused = refreshctl("sql", verb, name, "--file", str(query))
        assert refused.code == 4
        assert "at the run's snapshot" in refused.err
    assert refreshctl("sql", "show", name).code == 5
    assert refreshctl("sql", "add", name, "--file", "no-such-file.sql").code == 2
    assert refreshctl("sql", "set", name).code == 2
    assert refreshctl("sql", "add", "Not A Name", "--file", str(query)).code == 5
