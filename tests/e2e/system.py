"""The embedded stack as its users see it: tables, runs, the processes of its functions."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import psutil
import pytest
from google.cloud import bigquery

from infra.local.pubsub import Kind
from infra.local.stack import PROJECT, Stack
from shared.adapters.postgres import PostgresStore
from shared.ports import Row
from tests.support.waiting import wait_for

WORKERS = ("ORCHESTRATOR", "ASIN", "SEARCH_QUERIES", "SUMMARIES", "GENERIC")
_PATIENCE_SECONDS = 120
_BETWEEN_KILLS_SECONDS = 0.7
_MOST_KILLS = 12


class System:
    """A running stack, without a scheduler of its own: `tick` is its minute."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.store = PostgresStore(stack.postgres.url)
        self.client: bigquery.Client = stack.bigquery.client()

    def reconnect(self) -> None:
        """Leave the connections to a database that is there no longer."""
        self.store.close()
        self.store = PostgresStore(self.stack.postgres.url)

    def sql(self, text: str, **parameters: Any) -> list[Row]:
        """Run a statement in Postgres, in a transaction of its own."""
        with self.store.transaction() as session:
            return session.run(text, **parameters)

    def bigquery(self, text: str) -> None:
        """Run a statement in BigQuery."""
        self.client.query(text).result()

    def daily(self, scheduled_for: str) -> UUID:
        """Fire the daily trigger as Cloud Scheduler would; the run, when it has been planned."""
        self.stack.scheduler.publish({"version": 1, "kind": "daily", "scheduled_for": scheduled_for})
        key = f"schedule:daily:{scheduled_for}"
        find = "SELECT run_id FROM refresh.refresh_run WHERE idempotency_key = :key AND planned_at IS NOT NULL"
        rows = wait_for(lambda: self.sql(find, key=key), f"the run of {scheduled_for}", timeout=_PATIENCE_SECONDS)
        return cast(UUID, rows[0]["run_id"])

    def manual(self, *tables: str) -> UUID:
        """Ask for a manual run of the tables."""
        rows = self.sql("SELECT refresh.request_run(CAST(:tables AS text[])) AS run_id", tables=list(tables))
        return cast(UUID, rows[0]["run_id"])

    def tick(self) -> None:
        """The sweep that is due every minute."""
        self.stack.scheduler.publish({"version": 1, "kind": "sweep"})

    def ended(self, run_id: UUID) -> dict[str, Row]:
        """Wait for the run's end, with a sweep every second; its tasks by table."""
        paused = threading.Event()

        def look() -> bool:
            self.tick()
            over = any(self._is_over(run_id) or paused.wait(0.1) for _ in range(10))
            assert self._tasks(run_id, "reason = 'internal_error'") == []
            return over

        try:
            wait_for(look, f"run {run_id} to end", timeout=_PATIENCE_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._tasks(run_id, 'finished_at IS NULL')}") from error
        rows = self.sql("SELECT * FROM refresh.refresh_task WHERE run_id = :run", run=run_id)
        return {f"{row['table_schema']}.{row['table_name']}": row for row in rows}

    def _is_over(self, run_id: UUID) -> bool:
        (run,) = self.sql("SELECT status FROM refresh.refresh_run WHERE run_id = :run", run=run_id)
        return bool(run["status"] != "running")

    def _tasks(self, run_id: UUID, condition: str) -> list[Row]:
        return self.sql(
            "SELECT table_schema, table_name, status, phase, reason, error FROM refresh.refresh_task"
            f" WHERE run_id = :run AND {condition}",
            run=run_id,
        )

    def register(self, table: str, source: str, **columns: Any) -> None:
        """Register the table by a plain INSERT, handler generic."""
        schema, name = table.split(".")
        row = {"table_schema": schema, "table_name": name, "source": source, "handler": "generic"} | columns
        names, values = ", ".join(row), ", ".join(f":{one}" for one in row)
        self.sql(f"INSERT INTO refresh.refresh_table_registry ({names}) VALUES ({values})", **row)

    def differences(self, table: str, query: str) -> tuple[int, int]:
        """How many rows BigQuery's answer has that the table lacks, and the other way round, by EXCEPT ALL."""
        result = self.client.query(query).result()
        names = [field.name for field in result.schema]
        with self.store.transaction() as session:
            session.run(f"CREATE TEMP TABLE expected ON COMMIT DROP AS SELECT {', '.join(names)} FROM {table} LIMIT 0")
            places = ", ".join(f":{name}" for name in names)
            for row in result:
                session.run(f"INSERT INTO expected VALUES ({places})", **dict(row.items()))
            live = f"SELECT {', '.join(names)} FROM {table}"
            (found,) = session.run(
                f"SELECT (SELECT count(*) FROM (TABLE expected EXCEPT ALL {live}) AS a) AS missing,"
                f" (SELECT count(*) FROM ({live} EXCEPT ALL TABLE expected) AS b) AS unexpected"
            )
        return found["missing"], found["unexpected"]

    @contextmanager
    def killed_at_random(self, seed: int) -> Iterator[list[str]]:
        """Kill serving processes, one after the other, while the block runs; the list names those that were hit."""
        chance, over, hit = random.Random(seed), threading.Event(), list[str]()

        def kill() -> None:
            while len(hit) < _MOST_KILLS and not over.wait(_BETWEEN_KILLS_SECONDS):
                name = chance.choice(WORKERS)
                serving = int(self.stack.env[f"FUNCTION_PID_{name}"])
                try:
                    if not _is_function(serving):
                        continue
                    os.kill(serving, signal.SIGKILL)
                except (ProcessLookupError, psutil.NoSuchProcess):
                    continue
                hit.append(name)

        thread = threading.Thread(target=kill, name="killer")
        thread.start()
        try:
            yield hit
        finally:
            over.set()
            thread.join()


@contextmanager
def running_system(bus: Kind, folder: Path) -> Iterator[System]:
    """Start everything, in that folder, with leases short enough to wait for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("REFRESH_LEASE_SECONDS", "3")
        patch.setenv("REFRESH_CHUNK_ROWS", "500")
        with Stack(empty=True, bus=bus, scheduler=False) as stack:
            system = System(stack)
            try:
                yield system
            finally:
                system.store.close()


def _is_function(pid: int) -> bool:
    """Whether the id is still that of a function's process, and has not been given to another program."""
    return any("functions-framework" in word for word in psutil.Process(pid).cmdline())


def dataset_id(name: str) -> str:
    """A dataset of the stack's project."""
    return f"{PROJECT}.{name}"
