"""The last task of each table is noted as tasks end, whoever ends them, and nobody waits for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pg8000.native
import pytest

from infra.local.postgres import Postgres
from infra.migrations.files import FOLDER, read_files
from shared.adapters.database_url import connection_arguments


class Tasks:
    """Ends tasks of the table public.t, each of a run of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = self.connected()
        self.run(
            "CREATE TABLE public.t (id int PRIMARY KEY);"
            "INSERT INTO refresh.refresh_table_registry (table_schema, table_name, handler, source)"
            " VALUES ('public', 't', 'generic', 'p.d.t')"
        )

    def connected(self) -> pg8000.native.Connection:
        return pg8000.native.Connection(**connection_arguments(self.url))

    @contextmanager
    def another(self, begin: str) -> Iterator[pg8000.native.Connection]:
        """Somebody else's transaction; it commits when its block ends."""
        connection = self.connected()
        try:
            self.run(begin, connection)
            yield connection
            self.run("COMMIT", connection)
        finally:
            connection.close()

    def run(self, sql: str, connection: pg8000.native.Connection | None = None, **parameters: Any) -> list[list[Any]]:
        return list((connection or self.connection).run(sql, **parameters) or [])

    def begin(self, mode: str = "live", request: str = "{}") -> str:
        """A task at work; returns its run."""
        (found,) = self.run(
            "INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key, request)"
            " VALUES ('manual', 'test', gen_random_uuid()::text, CAST(:request AS jsonb)) RETURNING run_id",
            request=request,
        )
        self.run(
            "INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, mode)"
            " VALUES (:run, 'public', 't', 'generic', 1, :mode)",
            run=found[0],
            mode=mode,
        )
        self.run("UPDATE refresh.refresh_task SET status = 'running' WHERE run_id = :run", run=found[0])
        return str(found[0])

    def end(self, run: str, status: str = "success", connection: pg8000.native.Connection | None = None) -> str:
        self.run(
            "UPDATE refresh.refresh_task SET status = :status, reason = 'test' WHERE run_id = :run",
            connection,
            run=run,
            status=status,
        )
        return run

    def noted(self, what: str = "run_id::text", mode: str = "live") -> list[Any]:
        """The newest first."""
        found = self.run(
            f"SELECT {what} FROM refresh.refresh_last_task WHERE mode = :mode ORDER BY finished_at DESC", mode=mode
        )
        return [row[0] for row in found]


@pytest.fixture
def tasks(migrated_url: str) -> Iterator[Tasks]:
    tasks = Tasks(migrated_url)
    yield tasks
    tasks.connection.close()


def test_the_last_one_of_each_mode_is_noted(tasks: Tasks) -> None:
    tasks.end(tasks.begin())
    last = tasks.end(tasks.begin(), "failed")
    verified = tasks.end(tasks.begin("verify"), "warning")
    at_work = tasks.begin()
    assert tasks.noted() == [last]
    assert tasks.noted("status") == ["failed"]
    assert tasks.noted(mode="verify") == [verified]
    tasks.end(at_work)
    assert tasks.noted() == [at_work]


def test_a_backfill_refreshes_nothing(tasks: Tasks) -> None:
    last = tasks.end(tasks.begin())
    tasks.end(tasks.begin(request='{"backfill": {}}'), "failed")
    assert tasks.noted() == [last]


def test_two_that_end_at_once_do_not_wait_for_each_other(tasks: Tasks) -> None:
    tasks.end(tasks.begin())
    slow, quick, next_one = tasks.begin(), tasks.begin(), tasks.begin()
    with tasks.another("BEGIN") as other:
        tasks.end(slow, connection=other)
        tasks.run("SET lock_timeout = 1")
        tasks.end(quick, "failed")
    assert tasks.noted()[0] == quick
    tasks.end(next_one)
    assert tasks.noted() == [next_one]


def test_who_publishes_a_group_is_not_disturbed_by_who_ended_meanwhile(tasks: Tasks) -> None:
    tasks.end(tasks.begin())
    member, meanwhile, next_one = tasks.begin(), tasks.begin(), tasks.begin()
    with tasks.another("BEGIN ISOLATION LEVEL REPEATABLE READ") as group:
        tasks.run("SELECT FROM refresh.refresh_last_task", group)
        tasks.end(meanwhile, "skipped")
        tasks.end(member, connection=group)
    assert tasks.noted()[0] == member
    tasks.end(next_one)
    assert tasks.noted() == [next_one]


def test_what_was_not_committed_was_not_the_last(tasks: Tasks) -> None:
    last = tasks.end(tasks.begin())
    at_work = tasks.begin()
    tasks.run("BEGIN")
    tasks.end(at_work)
    tasks.run("ROLLBACK")
    assert tasks.noted() == [last]


def test_it_tells_what_is_held_and_why(tasks: Tasks) -> None:
    held = tasks.begin()
    tasks.run(
        "INSERT INTO refresh.refresh_task_scope (run_id, table_schema, table_name, scope, action, rows)"
        " SELECT :run, 'public', 't', scope, action, 1"
        " FROM (VALUES ('1', 'changed'), ('2', 'vanished'), ('3', 'unchanged')) AS s (scope, action)",
        run=held,
    )
    tasks.run(
        "INSERT INTO refresh.refresh_data_quality (run_id, table_schema, table_name, metric, outcome, passed)"
        " SELECT :run, 'public', 't', metric, outcome, passed FROM (VALUES ('b', 'hold', false), ('a', 'hold', false),"
        " ('c', 'hold', true), ('d', 'warn', false)) AS q (metric, outcome, passed)",
        run=held,
    )
    tasks.end(held, "held")
    assert tasks.noted("ARRAY[held_checks::text, held_scopes::text]") == [['["a", "b"]', "2"]]
    tasks.end(tasks.begin())
    assert tasks.noted("ARRAY[held_checks::text, held_scopes::text]") == [[None, "0"]]


def test_a_task_that_is_deleted_is_not_the_last_any_more(tasks: Tasks) -> None:
    last = tasks.end(tasks.begin())
    tasks.run("DELETE FROM refresh.refresh_task WHERE run_id = :run", run=last)
    assert tasks.noted() == []


def test_a_database_of_before_is_told_of_its_past(tasks: Tasks, postgres: Postgres) -> None:
    tasks.end(tasks.begin())
    last = tasks.end(tasks.begin(), "failed")
    shadow = tasks.end(tasks.begin("shadow"))
    tasks.end(tasks.begin(request='{"backfill": {}}'))
    tasks.begin()
    tasks.run("TRUNCATE refresh.refresh_last_task")
    (file,) = (file for file in read_files(FOLDER) if file.name.startswith("0057"))
    tasks.run(file.statements()[-1].sql)
    assert (tasks.noted(), tasks.noted(mode="shadow")) == ([last], [shadow])
