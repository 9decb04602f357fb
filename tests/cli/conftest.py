"""The real command against the real stack: every call goes over HTTP, every run through Pub/Sub and a worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infra.local.stack import PROJECT, ROOT, Stack
from tests.e2e.system import System

_SECONDS = 180
NARROW = {"COLUMNS": "80"}


@dataclass(frozen=True, kw_only=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Operator:
    """Somebody with the command, and the system behind it."""

    def __init__(self, system: System, schema: str) -> None:
        self.system = system
        self.schema = schema
        """Of the test's own, in Postgres as in BigQuery."""
        self.env = {"API_URL": system.stack.env["API_URL"], "API_TOKEN": system.stack.env["API_TOKEN"]}

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None, answer: str | None = None) -> Done:
        """Run `refreshctl` with these arguments, not on a terminal."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("API_", "REFRESH", "COLUMNS"))
        }
        done = subprocess.run(
            [sys.executable, "-m", "infra.cli", *arguments],
            cwd=ROOT,
            env=kept | self.env | dict(env or {}),
            input=answer,
            stdin=subprocess.DEVNULL if answer is None else None,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(code=done.returncode, out=done.stdout, err=done.stderr)

    def well(self, *arguments: str, **rest: Any) -> Done:
        """The same, and it has to go well."""
        done = self(*arguments, **rest)
        assert done.code == 0, (done.code, done.out, done.err)
        return done

    def table(self, name: str, *, rows: int = 3, register: bool = True, **columns: Any) -> str:
        """A source in BigQuery, with a target for it."""
        full = f"{self.schema}.{name}"
        values = ", ".join(f"({i}, DATE '2025-06-0{1 + i % 3}', NUMERIC '{i}.5')" for i in range(rows))
        self.system.bigquery(f"CREATE TABLE {full} (id INT64, day DATE, amount NUMERIC)")
        self.system.bigquery(f"INSERT INTO {full} VALUES {values}")
        self.system.sql(f"CREATE TABLE {full} (id bigint PRIMARY KEY, day date, amount numeric)")
        if register:
            self.system.register(full, f"{PROJECT}.{full}", scope_column="day", **columns)
        return full


@pytest.fixture(scope="session")
def running_stack(session_folder: Path) -> Iterator[System]:
    """One stack for all tests of the command; each makes tables of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFRESH_SWEEP_SECONDS", "2")
        patch.setattr(tempfile, "tempdir", str(session_folder))
        with Stack(empty=True) as stack:
            system = System(stack)
            yield system
            system.store.close()


@pytest.fixture
def refreshctl(running_stack: System) -> Iterator[Operator]:
    """The command. What a test registers is disabled for the next; its sources go, as queries look at all tables."""
    schema = f"shop_{uuid4().hex[:8]}"
    running_stack.bigquery(f"CREATE SCHEMA {schema}")
    running_stack.sql(f"CREATE SCHEMA {schema}")
    yield Operator(running_stack, schema)
    running_stack.sql("UPDATE refresh.refresh_table_registry SET mode = 'disabled'")
    running_stack.sql("DELETE FROM refresh.webhook_endpoint")
    running_stack.client.delete_dataset(f"{PROJECT}.{schema}", delete_contents=True)
