"""The command as a whole: no call of the API without a command, no command without a help that helps."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import Any, cast

import pytest
import typer.main
import urllib3
from typer.testing import CliRunner

from infra.cli.app import app, command_names
from infra.cli.errors import CommandError, Exit
from infra.cli.examples import EXAMPLES
from infra.cli.operations import COMMANDS, in_commands
from infra.cli.session import Options
from infra.local.stack import ROOT
from tests.cli.conftest import Operator

_NO_COMMAND = {"GET /openapi.json": "it is for programs, which fetch it themselves"}
"""Operations that have no command, each with the reason."""


def test_every_operation_of_the_api_has_a_command(refreshctl: Operator) -> None:
    env = refreshctl.system.stack.env
    asked = urllib3.request(
        "GET", f"{env['API_URL']}/api/refresh/openapi.json", headers={"Authorization": f"Bearer {env['API_TOKEN']}"}
    )
    operations = {
        f"{verb.upper()} {path.removeprefix('/api/refresh')}"
        for path, verbs in asked.json()["paths"].items()
        for verb in verbs
    }
    assert len(operations) > 50
    assert operations == set(COMMANDS) | set(_NO_COMMAND)


@pytest.mark.parametrize("words", sorted(set(COMMANDS.values())))
def test_the_command_of_an_operation_is_there(words: str) -> None:
    name = re.sub(r"( \{\w+\})+| --\w+", "", words)
    assert name in command_names()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (
            "Read the error in GET /api/refresh/runs/1-2, then POST /api/refresh/runs/1-2/replay.",
            "Read the error in `refreshctl run 1-2`, then `refreshctl replay 1-2`.",
        ),
        ("POST /api/refresh/tables/a.b/release publishes it", "`refreshctl release a.b` publishes it"),
        ("GET /api/refresh/quarantine?table=a.b says why.", "`refreshctl quarantine list a.b` says why."),
        (
            'POST /api/refresh/trigger {"tables": […], "force": true}, POST /api/refresh/verify.',
            "`refreshctl trigger a.b --force`, `refreshctl verify`.",
        ),
        (
            'ask: POST /api/refresh/trigger {"tables": […], "backfill": {"from": …, "to": …}}.',
            "ask: `refreshctl backfill start a.b --from DAY --to DAY`.",
        ),
        ("GET /api/refresh/nothing", "GET /api/refresh/nothing"),
        ("nothing of ours", "nothing of ours"),
    ],
)
def test_what_the_api_advises_is_said_as_commands(said: str, meant: str) -> None:
    assert in_commands(said, table="a.b") == meant


def test_every_command_has_examples() -> None:
    assert set(EXAMPLES) == set(command_names())


@pytest.mark.parametrize("example", [line for lines in EXAMPLES.values() for line in lines])
def test_every_example_is_read_as_the_command_would(example: str) -> None:
    words = shlex.split(example.partition(" | ")[0].replace(" < changes.json", ""))
    words = words[words.index("refreshctl") + 1 :]
    command = cast(Any, typer.main.get_command(app))
    while hasattr(command, "commands"):
        command = command.commands[words[0]]
        words = words[1:]
    command.make_context("refreshctl", words, obj=Options())


_GROUPS = sorted({name.partition(" ")[0] for name in command_names() if " " in name})


@pytest.mark.parametrize("name", ["", *_GROUPS, *command_names()])
def test_the_help_fits_a_terminal_and_cuts_nothing_short(name: str) -> None:
    done = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80"}, obj=Options())
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    listed = [line for line in lines if line.endswith("...") and not line.startswith("Usage:")]
    assert listed == []
    shown = [line for line in lines if "refreshctl " not in line]
    assert max(map(len, shown)) <= 80
    assert "--no-" not in done.output.replace("--no-wait", "")
    if name in EXAMPLES:
        assert all(f"  {example}" in lines for example in (f"  {one}" for one in EXAMPLES[name]))


def test_what_only_some_commands_need_is_not_loaded_for_all() -> None:
    """A help, or the completion of a word, is there before anybody waits for it."""
    code = "import sys, infra.cli.app; print(*(one for one in sys.argv[1:] if one in sys.modules))"
    heavy = ("urllib3", "ssl", "rich.console", "rich.progress", "requests", "google.auth", "flask", "pydantic")
    done = subprocess.run([sys.executable, "-c", code, *heavy], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tables", "add", "shop.orders", "--source", "orders"], "orders is neither project.dataset.table"),
        (["config", "get", "orders"], "orders is no table's name, which is like schema.name"),
        (
            ["backfill", "start", "a.b", "--from", "May", "--to", "2025-06-01"],
            "May is no day, which is like 2025-01-31",
        ),
        (["trigger", "--mode", "fast"], "fast"),
    ],
)
def test_what_cannot_be_meant_is_told_before_the_api_is_asked(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, words, obj=Options(), env={"API_URL": "http://127.0.0.1:1", "API_TOKEN": "x"})
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


@pytest.mark.parametrize("url", ["refresh.example.com", "http://", "http://127.0.0.1:99999", "http://a b"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(CommandError, match="which is no address") as wrong:
        _ = Options(url=url).api
    assert wrong.value.code is Exit.USAGE


def test_the_address_may_be_that_of_the_calls() -> None:
    assert Options(url="http://127.0.0.1:8080/api/refresh/", token="x").api.url == "http://127.0.0.1:8080"
