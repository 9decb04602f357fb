"""Retention on a real server: what is old goes, what is needed stays, and no audit row is ever lost on the way."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pg8000.native
import pytest
from pg8000.exceptions import DatabaseError

from shared.adapters.database_url import connection_arguments
from tests.support.waiting import wait_for

NOW = datetime(2025, 3, 10, 4, tzinfo=UTC)
Rows = list[list[Any]]


class ControlPlane:
    """A migrated database, in which time is what the test says."""

    def __init__(self, url: str) -> None:
        self.connection = pg8000.native.Connection(**connection_arguments(url))

    def run(self, sql: str, **parameters: Any) -> Rows:
        return list(self.connection.run(sql, **parameters) or [])

    def cleanup(self, arguments: str = "", *, as_of: datetime = NOW) -> dict[str, int]:
        found: dict[str, int] = self.run(
            f"SELECT refresh.cleanup({arguments}as_of => CAST(:t AS timestamptz))", t=as_of
        )[0][0]
        return found

    def count(self, table: str) -> int:
        return int(self.run(f"SELECT count(*) FROM refresh.{table}")[0][0])

    def task(
        self, table: str, *, status: str = "success", age: timedelta = timedelta(0), staging: bool = False
    ) -> UUID:
        """A task of a run of its own, ended `age` ago (triggers off: they would set the time themselves)."""
        self.run(
            f"CREATE TABLE IF NOT EXISTS public.{table} (id int PRIMARY KEY);"
            f"INSERT INTO refresh.refresh_table_registry (table_schema, table_name, handler, source)"
            f" VALUES ('public', '{table}', 'generic', 'p.d.t') ON CONFLICT DO NOTHING;"
            "SET session_replication_role = replica"
        )
        run_id: UUID = self.run(
            "INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key)"
            " VALUES ('manual', 'test', gen_random_uuid()::text) RETURNING run_id"
        )[0][0]
        staging_table = f"staging_{table}" if staging else None
        ended = None if status in ("queued", "running") else NOW - age
        self.run(
            "INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, status, reason,"
            " finished_at, staging_table) VALUES (:run, 'public', :name, 'generic', 1, :status, 'r', :ended, :staging)",
            run=run_id,
            name=table,
            status=status,
            ended=ended,
            staging=staging_table,
        )
        self.run("RESET session_replication_role")
        if staging:
            self.run(f"CREATE UNLOGGED TABLE refresh_staging.staging_{table} (id int)")
        return run_id

    def staging(self) -> list[str]:
        found = self.run("SELECT relname FROM pg_class WHERE relnamespace = 'refresh_staging'::regnamespace ORDER BY 1")
        return [row[0] for row in found]

    def audit(self, at: datetime, event: str) -> None:
        self.run("INSERT INTO refresh.refresh_audit_log (at, event) VALUES (:at, :event)", at=at, event=event)

    def audited(self) -> list[str]:
        return [
            row[0]
            for row in self.run("SELECT event FROM refresh.refresh_audit_log WHERE event LIKE 'test%' ORDER BY at")
        ]

    def partitions(self) -> dict[str, int]:
        """Rows of each partition of the audit log, by the end of its name."""
        found = self.run(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'refresh.refresh_audit_log'::regclass"
        )
        names = sorted(row[0].removeprefix("refresh.") for row in found)
        return {name.removeprefix("refresh_audit_log_"): self.count(name) for name in names}


@pytest.fixture
def plane(migrated_url: str) -> Iterator[ControlPlane]:
    plane = ControlPlane(migrated_url)
    yield plane
    plane.connection.close()


def test_checkpoints_and_scopes_of_ended_tasks_go_by_age(plane: ControlPlane) -> None:
    tasks = {
        "old": plane.task("old", age=timedelta(days=15)),
        "young": plane.task("young", age=timedelta(days=13)),
        "open": plane.task("open", status="running"),
    }
    for name, run_id in tasks.items():
        plane.run(
            "INSERT INTO refresh.refresh_checkpoint"
            " (run_id, table_schema, table_name, slice_no, scope_values, rows_expected, source_rows_expected)"
            " SELECT :run, 'public', :name, slice, '{a}', 1, 1 FROM generate_series(1, 2) AS slice",
            run=run_id,
            name=name,
        )
        plane.run(
            "INSERT INTO refresh.refresh_task_scope (run_id, table_schema, table_name, scope, action)"
            " VALUES (:run, 'public', :name, 'a', 'changed')",
            run=run_id,
            name=name,
        )
    removed = plane.cleanup()
    assert (removed["checkpoints"], removed["task_scopes"]) == (2, 1)
    left = "SELECT DISTINCT table_name FROM refresh.{} ORDER BY 1"
    assert plane.run(left.format("refresh_checkpoint")) == [["open"], ["young"]]
    assert plane.run(left.format("refresh_task_scope")) == [["open"], ["young"]]
    assert (plane.count("refresh_task"), plane.count("refresh_run")) == (3, 3)


@pytest.mark.parametrize(
    ("kind", "table", "insert", "days"),
    [
        ("outbox", "refresh_outbox", "(topic, payload, published_at) VALUES ('t', '{}', :at)", 7),
        (
            "quarantine",
            "refresh_quarantine",
            "(run_id, table_schema, table_name, slice_no, reason, column_name, source_row, quarantined_at)"
            " VALUES (gen_random_uuid(), 's', 't', 1, 'r', 'c', '{}', :at)",
            90,
        ),
        (
            "dead_letters",
            "refresh_dead_letter",
            "(message_id, topic, reason, payload, received_at) VALUES (gen_random_uuid()::text, 't', 'r', '', :at)",
            90,
        ),
        (
            "data_quality",
            "refresh_data_quality",
            "(table_schema, table_name, metric, passed, checked_at) VALUES ('s', 't', 'm', true, :at)",
            400,
        ),
    ],
)
def test_rows_go_by_their_age(plane: ControlPlane, kind: str, table: str, insert: str, days: int) -> None:
    for age in (timedelta(days=days, hours=1), timedelta(days=days + 100), timedelta(days=days, hours=-1)):
        plane.run(f"INSERT INTO refresh.{table} {insert}", at=NOW - age)
    assert plane.cleanup()[kind] == 2
    assert plane.count(table) == 1
    assert plane.cleanup()[kind] == 0


def test_messages_that_are_owed_stay(plane: ControlPlane) -> None:
    plane.run("INSERT INTO refresh.refresh_outbox (topic, payload, created_at) VALUES ('t', '{}', '2020-01-01')")
    assert plane.cleanup()["outbox"] == 0


def test_one_call_removes_no_more_than_its_batch(plane: ControlPlane) -> None:
    plane.run(
        "INSERT INTO refresh.refresh_outbox (topic, payload, published_at)"
        " SELECT 't', '{}', '2020-01-01' FROM generate_series(1, 5)"
    )
    assert [plane.cleanup("batch_rows => 2, ")["outbox"] for _ in range(4)] == [2, 2, 1, 0]


def test_staging_tables_without_a_task_that_needs_them_go(plane: ControlPlane) -> None:
    plane.task("ended", staging=True)
    plane.task("failed", status="failed", staging=True)
    plane.task("open", status="running", staging=True)
    plane.task("waiting", status="queued", staging=True)
    plane.task("held", status="held", age=timedelta(hours=47), staging=True)
    plane.task("forgotten", status="held", age=timedelta(hours=49), staging=True)
    plane.run('CREATE UNLOGGED TABLE refresh_staging."Orphan" (id int)')
    assert plane.cleanup()["staging_tables"] == 4
    assert plane.staging() == ["staging_held", "staging_open", "staging_waiting"]


def test_a_staging_table_in_use_is_left_for_the_next_call(plane: ControlPlane, migrated_url: str) -> None:
    plane.task("ended", staging=True)
    plane.task("also", staging=True)
    reader = ControlPlane(migrated_url)
    reader.run("BEGIN")
    reader.run("SELECT * FROM refresh_staging.staging_ended")
    removed = plane.cleanup()
    assert (removed["staging_tables"], removed["staging_tables_deferred"]) == (1, 1)
    reader.run("COMMIT")
    reader.connection.close()
    assert plane.cleanup()["staging_tables"] == 1


def test_two_calls_at_once_do_the_work_once(plane: ControlPlane, migrated_url: str) -> None:
    other = ControlPlane(migrated_url)
    other.run("BEGIN")
    other.cleanup()
    assert plane.cleanup() == {"already_running": True}
    other.run("COMMIT")
    other.connection.close()
    assert "already_running" not in plane.cleanup()


def test_months_of_the_audit_log_are_made_ahead(plane: ControlPlane) -> None:
    assert plane.cleanup()["audit_months_added"] == 2
    assert list(plane.partitions()) == ["2025_03", "2025_04", "rest"]
    assert plane.cleanup()["audit_months_added"] == 0
    plane.audit(NOW, "test")
    assert plane.partitions()["2025_03"] == 1


def test_a_month_that_has_begun_without_a_partition_waits_for_its_end(plane: ControlPlane) -> None:
    plane.audit(NOW, "test")
    assert plane.cleanup()["audit_months_added"] == 1
    assert list(plane.partitions()) == ["2025_04", "rest"]
    assert plane.audited() == ["test"]


def test_rows_of_past_months_move_from_the_rest_without_loss(plane: ControlPlane) -> None:
    times = [
        datetime(2025, 1, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2025, 2, 1, tzinfo=UTC),
        NOW,
        datetime(2027, 1, 1, tzinfo=UTC),
    ]
    for i, at in enumerate(times):
        plane.audit(at, f"test {i}")
    before = plane.run("SELECT * FROM refresh.refresh_audit_log ORDER BY audit_id")
    assert plane.cleanup()["audit_rows_moved"] == len(before)
    assert plane.partitions() == {"2025_01": 1, "2025_02": 1, "2025_03": 1, "2025_04": 0, "2027_01": 1, "rest": 0}
    assert plane.run("SELECT * FROM refresh.refresh_audit_log ORDER BY audit_id") == before
    plane.audit(datetime(2030, 1, 1, tzinfo=UTC), "test later")
    assert plane.run("SELECT max(audit_id) FROM refresh.refresh_audit_log") > [[before[-1][0]]]
    assert plane.cleanup()["audit_rows_moved"] == 0


def test_months_of_the_audit_log_go_by_age(plane: ControlPlane) -> None:
    for month in range(1, 13):
        plane.audit(datetime(2024, month, 15, tzinfo=UTC), f"test {month}")
    removed = plane.cleanup("audit_months => 12, ")
    assert removed["audit_months_dropped"] == 2
    assert plane.audited() == [f"test {month}" for month in range(3, 13)]


def test_a_log_in_use_is_left_for_the_next_call(plane: ControlPlane, migrated_url: str) -> None:
    plane.audit(NOW - timedelta(days=60), "test")
    writer = ControlPlane(migrated_url)
    writer.run("BEGIN")
    writer.audit(NOW, "test of another")
    plane.run("INSERT INTO refresh.refresh_outbox (topic, payload, published_at) VALUES ('t', '{}', '2020-01-01')")
    removed = plane.cleanup()
    assert (removed["audit_months_deferred"], removed["outbox"]) == (1, 1)
    writer.run("COMMIT")
    writer.connection.close()
    assert plane.cleanup()["audit_rows_moved"] == 2
    assert plane.audited() == ["test", "test of another"]


@pytest.mark.parametrize("change", ["UPDATE {} SET event = ''", "DELETE FROM {}", "TRUNCATE {}"])
def test_every_partition_is_insert_only(plane: ControlPlane, change: str) -> None:
    plane.audit(datetime(2025, 1, 5, tzinfo=UTC), "test")
    plane.cleanup()
    plane.audit(datetime(2030, 1, 5, tzinfo=UTC), "test")
    for partition in ("refresh_audit_log", "refresh_audit_log_rest", "refresh_audit_log_2025_01"):
        with pytest.raises(DatabaseError, match="is insert-only"):
            plane.run(change.format(f"refresh.{partition}"))


def test_an_age_of_nothing_is_refused(plane: ControlPlane) -> None:
    with pytest.raises(DatabaseError, match="cleanup: audit_months must be at least 1"):
        plane.cleanup("audit_months => 0, ")


def test_only_those_who_are_allowed_may_clean_up(plane: ControlPlane) -> None:
    plane.run(
        "DROP ROLE IF EXISTS cleanup_tester; CREATE ROLE cleanup_tester;GRANT USAGE ON SCHEMA refresh TO cleanup_tester"
    )
    plane.run("SET ROLE cleanup_tester")
    with pytest.raises(DatabaseError, match="permission denied for function cleanup"):
        plane.cleanup()
    plane.run("RESET ROLE; GRANT EXECUTE ON FUNCTION refresh.cleanup TO cleanup_tester; SET ROLE cleanup_tester")
    assert plane.cleanup()["audit_months_added"] == 2
    plane.run("RESET ROLE; DROP OWNED BY cleanup_tester; DROP ROLE cleanup_tester")


def test_a_row_that_comes_while_its_month_is_attached_waits_and_is_kept(plane: ControlPlane, migrated_url: str) -> None:
    plane.run("BEGIN")
    plane.cleanup()
    writer = ControlPlane(migrated_url)
    with ThreadPoolExecutor(1) as other:
        written = other.submit(writer.audit, NOW, "test")
        wait_for(lambda: plane.run("SELECT FROM pg_locks WHERE NOT granted"), "the writer to wait")
        plane.run("COMMIT")
        written.result(timeout=30)
    writer.connection.close()
    assert plane.partitions()["2025_03"] == 1
