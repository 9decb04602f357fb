"""`config` and `tables`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from infra.local.stack import PROJECT
from tests.cli.conftest import Operator


def _editor(folder: Path, text: str) -> str:
    """An editor that runs some Python on the draft, `file`."""
    script = folder / "editor.py"
    script.write_text(f"import sys, json, pathlib\nfile = pathlib.Path(sys.argv[1])\n{text}\n")
    return f"{sys.executable} {script}"


_REPLACE = "file.write_text(file.read_text().replace({!r}, {!r}))"


def test_fields_are_read_and_set(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    assert table in refreshctl.well("config", "get").out
    before = refreshctl.well("config", "get", table, "--json").json
    done = refreshctl.well("config", "set", table, "priority=7", "lookback=30", 'checks={"table_min_ratio": 0.2}')
    assert "-priority: 100" in done.out
    assert "+priority: 7" in done.out
    after = refreshctl.well("config", "get", table, "--json").json
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"priority", "lookback", "checks", "config_version"}
    assert refreshctl.well("config", "set", table, "lookback=null", "--json").json["lookback"] is None
    assert refreshctl.well("config", "get", "--json").json["schedule"] == "0 6 * * *"


def test_wrong_fields_and_values_are_told(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    unknown = refreshctl("config", "set", table, "speed=9")
    assert unknown.code == 2
    assert "speed cannot be set; fields are handler" in unknown.err
    assert refreshctl("config", "set", table, "created_at=now").code == 2
    assert refreshctl("config", "set", table, "priority").code == 2
    assert refreshctl("config", "set", table, "priority=1", "priority=2").code == 2
    value = refreshctl("config", "set", table, "priority=2000")
    assert value.code == 2
    assert "priority" in value.err
    source = refreshctl("config", "set", table, f"source={PROJECT}.shop.nothing")
    assert source.code == 4
    assert "does not exist in BigQuery" in source.err
    assert refreshctl("config", "set", "shop.nothing", "priority=1").code == 5


def test_several_tables_are_changed_at_once_or_none(refreshctl: Operator, tmp_path: Path) -> None:
    one, other = refreshctl.table("orders"), refreshctl.table("returns")
    file = tmp_path / "changes.json"

    def priorities() -> list[int]:
        return [refreshctl.well("config", "get", table, "--json").json["priority"] for table in (one, other)]

    file.write_text(json.dumps({one: {"priority": 7}, other: {"priority": "high"}}))
    wrong = refreshctl("config", "apply", str(file), "--yes")
    assert (wrong.code, priorities()) == (2, [100, 100])
    assert f"{other}.priority: Input should be a valid integer" in wrong.err
    file.write_text(json.dumps({one: {"priority": 7}, "shop.nothing": {"priority": 7}}))
    unknown = refreshctl("config", "apply", str(file), "--yes")
    assert (unknown.code, priorities()) == (5, [100, 100])
    file.write_text(json.dumps({one: {"priority": 7}, other: {"priority": 8, "lookback": 3}}))
    asked = refreshctl("config", "apply", str(file))
    assert (asked.code, priorities()) == (2, [100, 100])
    assert "Change the configuration of 2 tables? Give --yes" in asked.err
    done = refreshctl.well("config", "apply", str(file), "--yes")
    assert ("+priority: 7" in done.out, "+lookback: 3" in done.out, priorities()) == (True, True, [7, 8])
    assert "2 tables changed." in done.out
    file.write_text(json.dumps({one: {"priority": 7}, other: {"priority": 9}}))
    again = refreshctl.well("config", "apply", str(file), "--yes")
    assert (one in again.out, "1 table changed." in again.out, priorities()) == (False, True, [7, 9])
    assert "Nothing was changed" in refreshctl.well("config", "apply", str(file)).out
    assert refreshctl("config", "apply", str(file), "--json").code == 2
    assert {table["table"] for table in refreshctl.well("config", "apply", str(file), "--yes", "--json").json["items"]}


def test_a_preview_changes_nothing(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    refreshctl.well("trigger", table, "--watch")
    done = refreshctl.well("config", "set", table, "scope_bucket=month", "--preview")
    assert "Read anew would be 3 of 3 published rows, as 1 scopes in 1 slices" in " ".join(done.out.split())
    assert refreshctl.well("config", "get", table, "--json").json["scope_bucket"] is None


def test_an_editor_changes_what_is_changed_in_it(refreshctl: Operator, tmp_path: Path) -> None:
    table = refreshctl.table("orders")
    editor = _editor(tmp_path, _REPLACE.format('"priority": 100', '"priority": 3'))
    asked = refreshctl("config", "edit", table, env={"EDITOR": editor})
    assert asked.code == 2
    assert "Give --yes" in asked.err
    done = refreshctl.well("config", "edit", table, "--yes", env={"EDITOR": editor})
    assert "+priority: 3" in done.out
    assert refreshctl.well("config", "get", table, "--json").json["priority"] == 3
    assert "Nothing was changed" in refreshctl.well("config", "edit", table, env={"EDITOR": "true"}).out


def test_a_lost_race_is_told_and_what_was_written_is_kept(refreshctl: Operator, tmp_path: Path) -> None:
    table = refreshctl.table("orders")
    meanwhile = (
        "import subprocess\n"
        f"command = [sys.executable, '-m', 'infra.cli', 'config', 'set', {table!r}, 'lookback=9']\n"
        "subprocess.run(command, check=True)\n"
    )
    editor = _editor(tmp_path, meanwhile + _REPLACE.format('"priority": 100', '"priority": 3'))
    done = refreshctl("config", "edit", table, "--yes", env={"EDITOR": editor})
    assert done.code == 6
    assert "changed by somebody else meanwhile (lookback)" in done.err
    kept = re.search(r"What you wrote is in (\S+)", done.err)
    assert kept is not None
    draft = Path(kept[1])
    assert '"priority": 3' in draft.read_text()
    draft.unlink()
    assert refreshctl.well("config", "get", table, "--json").json["priority"] == 100


def test_what_an_editor_spoils_changes_nothing(refreshctl: Operator, tmp_path: Path) -> None:
    table = refreshctl.table("orders")
    for text, said in (
        ("file.write_text('{')", "is no JSON"),
        ("file.write_text('{\"speed\": 1}')", "speed: not a field"),
        ("sys.exit(3)", "ended with code 3"),
    ):
        done = refreshctl("config", "edit", table, "--yes", env={"EDITOR": _editor(tmp_path, text)})
        assert done.code == 2
        assert said in done.err
        for draft in re.findall(r"it is in (\S+)|wrote is in (\S+)", done.err):
            Path("".join(draft)).unlink()
    assert refreshctl("config", "edit", table, env={"EDITOR": "no-such-editor"}).code == 2
    assert refreshctl.well("config", "get", table, "--json").json["config_version"] == 1


def test_a_table_is_added_with_what_its_source_suggests(refreshctl: Operator) -> None:
    table = refreshctl.table("orders", register=False)
    source, copies = f"{PROJECT}.{table}", f"{refreshctl.schema}.copies"
    ddl = refreshctl.well("tables", "add", copies, "--source", source, "--ddl").out
    assert ddl.startswith(f'CREATE TABLE "{refreshctl.schema}"."copies"')
    missing = refreshctl("tables", "add", copies, "--source", source, "--yes")
    assert missing.code == 5
    assert ddl in missing.err
    refreshctl.system.sql(ddl)
    found = refreshctl.well("tables", "add", copies, "--source", source, "--preview").out
    assert "NUMERIC" in found
    assert "Nothing was registered." in found
    assert refreshctl("config", "get", copies).code == 5
    assert refreshctl("tables", "add", copies, "--source", source).code == 2
    refreshctl.well("tables", "add", copies, "--source", source, "--yes")
    made = refreshctl.well("tables", "add", table, "--source", source, "--set", "priority=5", "--yes", "--json").json
    assert (made["key_columns"], made["scope_column"], made["priority"]) == (["id"], "day", 5)
    assert {copies, table} <= set(refreshctl.well("tables", "list").out.split())
    assert refreshctl("tables", "add", table, "--source", source, "--yes").code == 4
    assert refreshctl("tables", "add", table, "--source", f"{PROJECT}.{refreshctl.schema}.nothing").code == 5
    refreshctl.well("trigger", "--watch")


def test_sizes_are_suggested(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    assert refreshctl.well("config", "suggest", table, "--json").json["basis"]["refreshes"] == 0
    assert "slice_target_rows" not in refreshctl.well("config", "suggest", table).out
