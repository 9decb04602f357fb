"""The command where somebody looks on: questions, bars, colours, an editor, completion."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from infra.cli.output import is_coloured
from tests.cli.conftest import Operator
from tests.cli.terminal import Terminal
from tests.cli.terminal import refreshctl as typed


def test_a_question_that_is_not_answered_with_yes_changes_nothing(refreshctl: Operator) -> None:
    table = refreshctl.table("orders", rows=6)
    refreshctl.well("trigger", table, "--watch")
    refreshctl.system.bigquery(f"DELETE FROM {table} WHERE id > 0")
    refreshctl("trigger", table, "--force", "--watch")
    for keys, code in (("n\r", 4), ("\x04", 4), ("\x03", 130), ("y\r", 0)):
        terminal = Terminal(typed("release", table), refreshctl.env)
        terminal.wait_for("[y/N]")
        assert "halved_source" in terminal.shown
        terminal.type(keys)
        assert terminal.end() == code, terminal.shown
    assert "publishes what was held" in terminal.shown


def test_who_stops_watching_does_not_stop_the_run(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    with refreshctl.system.store.transaction() as session:
        session.run(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        terminal = Terminal(typed("trigger", table, "--watch"), refreshctl.env)
        terminal.wait_for("0/1 ended")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "no longer watched; the run goes on" in terminal.shown
    assert refreshctl.well("run", "last", "--watch", "--json").json["status"] == "success"


def test_bars_become_lines_when_their_tables_have_ended(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    terminal = Terminal(typed("trigger", table, "--watch"), refreshctl.env)
    assert terminal.end() == 0
    assert f"{table}: " in terminal.shown
    assert "success, 3 new, in" in terminal.shown


@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_on_a_terminal_go_by_the_environment(refreshctl: Operator, env: dict[str, str], coloured: bool) -> None:
    refreshctl.table("orders")
    terminal = Terminal(typed("status"), refreshctl.env | env)
    assert terminal.end() == 1
    assert ("\x1b[" in terminal.shown) is coloured


def test_what_was_edited_wrongly_is_edited_again(refreshctl: Operator, tmp_path: Path) -> None:
    table = refreshctl.table("orders")
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, pathlib\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "text = file.read_text()\n"
        "if '100,' in text: text = text.replace('100,', '100')\n"
        "elif '\"priority\": 100' in text: text = text.replace('100', '2000,')\n"
        "else: text = text.replace('2000', '3')\n"
        "file.write_text(text)\n"
    )
    terminal = Terminal(typed("config", "edit", table), refreshctl.env | {"EDITOR": f"{sys.executable} {script}"})
    for wrong in ("is no JSON", "priority"):
        terminal.wait_for(wrong)
        terminal.wait_for("Edit it again? [y/N]")
        terminal.type("y\r")
    terminal.wait_for("Change the configuration of")
    terminal.type("y\r")
    assert terminal.end() == 0, terminal.shown
    assert refreshctl.well("config", "get", table, "--json").json["priority"] == 3


_SHELLS = {
    "bash": (["--norc", "-i"], 'eval "$(refreshctl --show-completion bash)"\n'),
    "zsh": (["-f", "-i"], 'autoload -Uz compinit && compinit -u && eval "$(refreshctl --show-completion zsh)"\n'),
    "fish": (["--no-config", "-i"], "refreshctl --show-completion fish | source\n"),
}


@pytest.mark.parametrize("shell", _SHELLS)
def test_the_shell_completes_what_is_typed(refreshctl: Operator, tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} is installed")
    table = refreshctl.table("orders")
    script = tmp_path / "refreshctl"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m infra.cli "$@"\n')
    script.chmod(0o755)
    options, begin = _SHELLS[shell]
    env = refreshctl.env | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "PS1": "$ "}
    terminal = Terminal([shell, *options], env, columns=200)
    terminal.type(begin + "echo rea''dy\n")
    terminal.wait_for("ready")
    terminal.type("refreshctl webh\t")
    terminal.wait_for("webhooks")
    terminal.type(f"\x15refreshctl config get {table[:-2]}\t")
    terminal.wait_for(table)
    terminal.type("\x15exit\r")
    terminal.end()


def test_nobody_looks_on_at_a_pipe() -> None:
    assert is_coloured(is_terminal=False) is bool(os.environ.get("FORCE_COLOR"))
