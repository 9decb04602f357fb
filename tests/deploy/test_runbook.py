"""The runbook is followed: its SQL runs, its commands are taken by the programs that they are for, its links lead."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pg8000.native
import pytest

from infra.deploy.environment import ROOT
from shared.adapters.database_url import connection_arguments

RUNBOOK = (ROOT / "infra" / "RUNBOOK.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^( *)```(sql|sh)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
OF_THE_ROLLOUT = ("refresh.promote(", "refresh.demote(", "refresh.roll_back(run_id, reason")
"""Calls that need a shadow with a past: tests/deploy/test_rollout.py makes them."""
_ROUTES = ROOT / "functions" / "api" / "routes"


def _blocks(language: str) -> list[str]:
    return [text for _, kind, text in _BLOCK.findall(RUNBOOK) if kind == language]


def _lines(start: str) -> list[str]:
    lines = [line.strip() for block in _blocks("sh") for line in block.splitlines()]
    return sorted({line for line in lines if line.startswith(start)})


@pytest.fixture
def database(migrated_url: str) -> Iterator[pg8000.native.Connection]:
    """A database as it is after a while, of which nothing is kept: the runbook also makes a role."""
    connection = pg8000.native.Connection(**connection_arguments(migrated_url))
    connection.run("BEGIN")
    for table, handler in (("asin_performance_data", "asin"), ("search_query_performance", "search_queries")):
        connection.run(f"SELECT refresh.register_table('sqp', '{table}', 'p.d.t', '{handler}')")
    yield connection
    connection.run("ROLLBACK")
    connection.close()


def test_every_statement_runs(database: pg8000.native.Connection) -> None:
    blocks = _blocks("sql")
    assert len(blocks) > 15
    for block in blocks:
        if not any(call in block for call in OF_THE_ROLLOUT):
            database.run(block)


@pytest.mark.parametrize("line", _lines("./deploy.sh"))
def test_deploy_is_called_as_it_can_be(line: str) -> None:
    command = line.replace("ENV", "staging").removeprefix("./")
    done = subprocess.run(
        ["bash", *shlex.split(command)],
        cwd=ROOT,
        env=os.environ | {"REFRESH_PYTHON": "/bin/echo"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("-m infra.deploy ")


def test_gcloud_takes_every_command(tmp_path: Path) -> None:
    real = shutil.which("gcloud")
    if real is None:
        pytest.skip("gcloud is not installed")
    lines = {" ".join(line.split()[:4]): line for line in _lines("gcloud") if not line.startswith("gcloud auth")}
    assert len(lines) > 5
    environment = os.environ | {"CLOUDSDK_CONFIG": str(tmp_path), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    running = {
        line: subprocess.Popen(
            [real, *shlex.split(line.replace("REGION", "europe-west1").replace("PROJECT", "some-project"))[1:]],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in lines.values()
    }
    for line, process in running.items():
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 1, (line, said)
        assert "do not currently have an active account" in said, (line, said)


def test_the_api_has_every_call_that_is_named() -> None:
    known = {
        re.sub(r"<[^>]*>", "*", path)
        for file in _ROUTES.glob("*.py")
        for path in re.findall(r"\"(/api/refresh/[^\"]*)\"", file.read_text(encoding="utf-8"))
    }
    named = {
        re.sub(r"/(?:RUN_ID|ID|TABLE)\b", "/*", path) for path in re.findall(r"/api/refresh/[A-Za-z_/-]+", RUNBOOK)
    }
    assert named
    assert named <= known


def test_every_link_leads_to_a_heading() -> None:
    headings = re.findall(r"^#+ (.*)$", RUNBOOK, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", RUNBOOK)) <= anchors
