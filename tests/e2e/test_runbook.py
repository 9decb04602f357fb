"""Chapters of the runbook that can be followed on this machine, followed word by word on the embedded stack."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pg8000.native
import pytest

from infra.local.stack import PROJECT, ROOT
from shared.adapters.database_url import connection_arguments
from tests.docs.documents import blocks
from tests.e2e.system import System
from tests.support.waiting import wait_for

RUNBOOK = ROOT / "infra" / "RUNBOOK.md"
_PATIENCE_SECONDS = 120


def _block(beginning: str) -> str:
    [text] = [block.text for block in blocks(RUNBOOK) if beginning in block.text]
    return text


@pytest.fixture
def orders(system: System) -> str:
    """A schema with a table that is registered as the runbook's chapter on adding one says."""
    name = f"shop_{uuid4().hex[:8]}"
    system.bigquery(f"CREATE SCHEMA {name}")
    system.bigquery(f"CREATE TABLE {name}.orders (id INT64, day DATE, amount NUMERIC)")
    system.bigquery(f"INSERT INTO {name}.orders VALUES (1, DATE '2025-06-01', 5), (2, DATE '2025-06-02', 7)")
    for beginning in ("CREATE SCHEMA IF NOT EXISTS shop", "scope_column => 'day');"):
        text = re.sub(r"\bshop\b", name, _block(beginning)).replace("warehouse.", f"{PROJECT}.")
        for statement in filter(str.strip, text.split(";\n")):
            system.sql(statement)
    return name


def _latest_run(system: System, requested_by: str | None = None) -> UUID:
    [row] = system.sql(
        "SELECT run_id FROM refresh.refresh_run"
        " WHERE CAST(:who AS text) IS NULL OR requested_by = :who ORDER BY created_at DESC LIMIT 1",
        who=requested_by,
    )
    run: UUID = row["run_id"]
    return run


def _equal(system: System, schema: str) -> None:
    assert system.differences(f"{schema}.orders", f"SELECT id, day, amount FROM {schema}.orders") == (0, 0)


def test_a_restored_database_catches_up_by_itself(system: System, orders: str, tmp_path: Path) -> None:
    assert system.ended(_latest_run(system))[f"{orders}.orders"]["status"] == "success"
    _equal(system, orders)
    backup = tmp_path / "backup"
    tools, url = system.stack.postgres.psql.parent, system.stack.postgres.url
    subprocess.run([tools / "pg_dump", "--format=custom", f"--file={backup}", url], check=True)

    system.bigquery(f"UPDATE {orders}.orders SET amount = 8 WHERE id = 2")
    system.bigquery(f"INSERT INTO {orders}.orders VALUES (3, DATE '2025-06-03', 9)")
    lost = system.manual(f"{orders}.orders")
    assert system.ended(lost)[f"{orders}.orders"]["status"] == "success"

    _restore(system, backup)
    assert system.sql("SELECT FROM refresh.refresh_run WHERE run_id = :run", run=lost) == []
    assert system.differences(f"{orders}.orders", f"SELECT id, day, amount FROM {orders}.orders") != (0, 0)
    system.sql(_block("requested_by => 'restore'"))
    task = system.ended(_latest_run(system, "restore"))[f"{orders}.orders"]
    assert (task["status"], task["rows_inserted"], task["rows_updated"]) == ("success", 1, 1)
    _equal(system, orders)


def _restore(system: System, backup: Path) -> None:
    """Put the backup in the database's place. Whoever is connected is thrown out, as when an instance is exchanged."""
    postgres = system.stack.postgres
    database = postgres.url.rpartition("/")[2]
    with pg8000.native.Connection(**connection_arguments(postgres.url_of("template1"))) as administrator:
        administrator.run(f'DROP DATABASE "{database}" WITH (FORCE)')
        administrator.run(f'CREATE DATABASE "{database}" TEMPLATE template0')
    subprocess.run([postgres.psql.parent / "pg_restore", f"--dbname={postgres.url}", backup], check=True)
    system.reconnect()


def test_the_api_is_called_as_it_is_written(system: System, tmp_path: Path) -> None:
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$*\" >{tmp_path}/asked\nprintf %s '{system.stack.env['API_TOKEN']}'\n"
    )
    gcloud.chmod(gcloud.stat().st_mode | stat.S_IXUSR)
    text = re.sub(r"^API=\S+", f"API={system.stack.env['API_URL']}", _block("curl -H"), flags=re.MULTILINE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["overall_status"] in ("healthy", "degraded", "failing")
    asked = (tmp_path / "asked").read_text()
    assert f"--audiences={system.stack.env['API_URL']}" in asked


def test_the_command_is_called_as_it_is_written(system: System, orders: str) -> None:
    lines = [
        line.strip()
        for block in blocks(RUNBOOK)
        if block.language == "sh"
        for line in block.text.splitlines()
        if line.strip().startswith("refreshctl")
    ]
    assert len(lines) > 2
    meant = {"NUMBER": "4711", "SCHEMA.TABLE": f"{orders}.orders"}
    assert system.ended(_latest_run(system))[f"{orders}.orders"]["status"] == "success"
    beaten = "SELECT FROM refresh.refresh_heartbeat"
    wait_for(lambda: system.sql(beaten), "the sweep", timeout=_PATIENCE_SECONDS)
    for line in lines:
        arguments = [meant.get(word, word) for word in line.split()[1:]]
        done = subprocess.run(
            [sys.executable, "-m", "infra.cli", *arguments],
            cwd=ROOT,
            env=os.environ | {name: system.stack.env[name] for name in ("API_URL", "API_TOKEN")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, (line, done.stderr)
        assert "No such command" not in done.stderr, (line, done.stderr)
        if "4711" in arguments:
            assert "4711" in done.stdout + done.stderr
        else:
            assert done.returncode == 0, (line, done.stdout, done.stderr)
