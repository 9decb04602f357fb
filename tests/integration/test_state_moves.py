"""The database guards every move of a task, and its own trail folds to the state."""

import itertools
from collections.abc import Iterator
from typing import Any

import pg8000.native
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pg8000.exceptions import DatabaseError

from infra.local.postgres import Postgres
from shared.adapters.database_url import connection_arguments

STATUSES = ("queued", "running", "success", "no_new_data", "warning", "held", "failed", "skipped")
OPEN = ("queued", "running")
ENDED = tuple(status for status in STATUSES if status not in OPEN)
LEGAL = {("queued", after) for after in ("running", "skipped", "failed", "held")} | {
    ("running", after) for after in ("queued", *ENDED)
}
PAIRS = [pair for pair in itertools.product(STATUSES, STATUSES) if pair[0] != pair[1]]
ILLEGAL = [pair for pair in PAIRS if pair not in LEGAL]


class Task:
    """Makes tasks of one registered table, and moves the newest one."""

    def __init__(self, url: str) -> None:
        self.connection = pg8000.native.Connection(**connection_arguments(url))
        self.run(
            "CREATE TABLE public.t (id int PRIMARY KEY);"
            "INSERT INTO refresh.refresh_table_registry (table_schema, table_name, handler, source)"
            " VALUES ('public', 't', 'generic', 'p.d.t')"
        )
        self.run_id: Any = None

    def run(self, sql: str, **parameters: Any) -> list[list[Any]]:
        return list(self.connection.run(sql, **parameters) or [])

    def make(self) -> None:
        self.run_id = self.run(
            "INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key)"
            " VALUES ('manual', 'test', gen_random_uuid()::text) RETURNING run_id"
        )[0][0]
        self.run(
            "INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority)"
            " VALUES (:run, 'public', 't', 'generic', 1)",
            run=self.run_id,
        )

    def reach(self, status: str) -> None:
        self.make()
        if status != "queued":
            self.move("running")
        if status in ENDED:
            self.move(status)

    def move(self, status: str, also: str = "") -> None:
        self.set(f"status = '{status}', reason = 'test'{also}")

    def set(self, assignments: str) -> None:
        self.run(f"UPDATE refresh.refresh_task SET {assignments} WHERE run_id = :run", run=self.run_id)

    def column(self, name: str) -> Any:
        return self.run(f"SELECT {name} FROM refresh.refresh_task WHERE run_id = :run", run=self.run_id)[0][0]

    def audit(self, columns: str, where: str = "true") -> list[list[Any]]:
        return self.run(
            f"SELECT {columns} FROM refresh.refresh_audit_log WHERE run_id = :run AND event LIKE 'task\\_%' AND {where}"
            " ORDER BY audit_id",
            run=self.run_id,
        )


@pytest.fixture(scope="module")
def task(postgres: Postgres, migrated_template: str) -> Iterator[Task]:
    task = Task(postgres.ensure_database("test_state_moves", template=migrated_template))
    yield task
    task.connection.close()
    postgres.drop_database("test_state_moves")


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_illegal_moves_are_refused(task: Task, before: str, after: str) -> None:
    task.reach(before)
    with pytest.raises(
        DatabaseError, match="an ended task never changes" if before in ENDED else "a task cannot go from"
    ):
        task.move(after)
    assert task.column("status") == before


@pytest.mark.parametrize(("before", "after"), sorted(LEGAL))
def test_legal_moves_are_made(task: Task, before: str, after: str) -> None:
    task.reach(before)
    task.move(after)
    assert task.column("status") == after
    assert (task.column("finished_at") is not None) == (after in ENDED)


@pytest.mark.parametrize("status", ENDED)
@pytest.mark.parametrize("change", ["rows_read = 0", "details = '{}'", "epoch = epoch + 1", "reason = 'other'"])
def test_ended_tasks_never_change(task: Task, status: str, change: str) -> None:
    task.reach(status)
    with pytest.raises(DatabaseError, match=f"has ended as {status}; an ended task never changes"):
        task.set(change)


def test_epochs_never_fall(task: Task) -> None:
    task.make()
    task.move("running", ", epoch = 3")
    with pytest.raises(DatabaseError, match=r"the epoch of a task never falls \(3 to 2\)"):
        task.set("epoch = 2")


@pytest.mark.parametrize("status", [*ENDED, "queued"])
def test_a_lease_ends_with_the_work(task: Task, status: str) -> None:
    task.make()
    task.move("running", ", lease_until = now() + interval '90 s'")
    task.move(status)
    assert task.column("lease_until") is None


def test_only_running_tasks_have_a_lease(task: Task) -> None:
    task.make()
    with pytest.raises(DatabaseError, match="refresh_task_check"):
        task.run(
            "INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, lease_until)"
            " SELECT gen_random_uuid(), 'public', 't', 'generic', 1, now()"
        )


@pytest.mark.parametrize("status", ["success", "warning"])
@pytest.mark.parametrize(
    "counts",
    [
        "rows_read = 10, rows_staged = 9, rows_inserted = 9",
        "rows_read = 10, rows_staged = 10, rows_inserted = 9",
        "rows_read = 10, rows_staged = 8, rows_inserted = 8, rows_quarantined = 1",
        "rows_read = 9, rows_staged = 10, rows_inserted = 10",
    ],
)
def test_no_success_with_rows_missing(task: Task, status: str, counts: str) -> None:
    task.reach("running")
    with pytest.raises(DatabaseError, match="rows_are_conserved"):
        task.move(status, f", {counts}")


def test_rows_that_add_up_are_a_success(task: Task) -> None:
    task.reach("running")
    task.move(
        "success",
        ", rows_read = 20, rows_staged = 14, rows_inserted = 4, rows_updated = 5, rows_unchanged = 5,"
        " rows_quarantined = 1, rows_superseded = 2, rows_merged = 3, rows_deleted = 9",
    )
    assert task.audit("rows_read, rows_deleted", "event = 'task_success'") == [[20, 9]]


CHECKPOINT = (
    "INSERT INTO refresh.refresh_checkpoint"
    " (run_id, table_schema, table_name, slice_no, scope_values, rows_expected, source_rows_expected{})"
    " VALUES (:run, 'public', 't', 1, '{{a}}', 10, 12{})"
)


@pytest.mark.parametrize(
    ("columns", "values", "constraint"),
    [
        (", rows_received, rows_staged, rows_read", ", 5, 4, 4", "received_rows_are_conserved"),
        (", rows_received, rows_staged, rows_read", ", 5, 5, 6", "read_rows_are_conserved"),
        (", rows_received, rows_staged, rows_read, rows_merged, status", ", 9, 9, 12, 3, 'done'", "done_is_complete"),
        (", rows_received, rows_staged, rows_read, rows_merged, status", ", 11, 11, 12, 1, 'done'", "done_is_complete"),
        (", rows_received, rows_staged, rows_read, rows_merged, status", ", 10, 10, 11, 1, 'done'", "done_is_complete"),
    ],
)
def test_slices_account_for_every_row(task: Task, columns: str, values: str, constraint: str) -> None:
    task.make()
    with pytest.raises(DatabaseError, match=constraint):
        task.run(CHECKPOINT.format(columns, values), run=task.run_id)


def test_a_slice_that_adds_up_is_done(task: Task) -> None:
    task.make()
    columns = ", rows_received, rows_staged, rows_quarantined, rows_read, rows_merged, status"
    task.run(CHECKPOINT.format(columns, ", 10, 9, 1, 12, 2, 'done'"), run=task.run_id)


def test_a_slice_is_recorded_once(task: Task) -> None:
    task.make()
    task.run(CHECKPOINT.format("", ""), run=task.run_id)
    with pytest.raises(DatabaseError, match="refresh_checkpoint_pkey"):
        task.run(CHECKPOINT.format("", ""), run=task.run_id)


def test_the_null_scope_is_planned_once(task: Task) -> None:
    task.make()
    scope = (
        "INSERT INTO refresh.refresh_task_scope (run_id, table_schema, table_name, scope, action)"
        " VALUES (:run, 'public', 't', NULL, 'changed')"
    )
    task.run(scope, run=task.run_id)
    with pytest.raises(DatabaseError, match="refresh_task_scope"):
        task.run(scope, run=task.run_id)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE refresh.refresh_audit_log SET event = 'nothing'",
        "DELETE FROM refresh.refresh_audit_log",
        "TRUNCATE refresh.refresh_audit_log",
        "TRUNCATE refresh.refresh_audit_log_rest",
    ],
)
def test_the_audit_log_is_insert_only_even_for_a_superuser(task: Task, statement: str) -> None:
    task.make()
    with pytest.raises(DatabaseError, match="is insert-only"):
        task.run(statement)


@pytest.mark.parametrize("status", ENDED)
def test_every_end_owes_one_event_and_one_message(task: Task, status: str) -> None:
    task.reach(status)
    owed = task.run(
        "SELECT topic, payload ->> 'type' FROM refresh.refresh_outbox WHERE payload ->> 'run_id' = :run ORDER BY topic",
        run=str(task.run_id),
    )
    assert [row[0] for row in owed] == ["refresh-events", "refresh-schedule"]
    expected = {"failed": "failed", "held": "held", "warning": "warning", "skipped": "warning"}.get(status)
    assert owed[0][1] in ([f"refresh.{expected}"] if expected else ["refresh.completed", "refresh.recovered"])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("status"), st.sampled_from(STATUSES)),
        st.tuples(st.just("phase"), st.sampled_from(("planning", "loading", "staged", "publishing"))),
        st.tuples(st.just("epoch"), st.just("")),
    ),
    max_size=20,
)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_folding_the_audit_gives_the_state(task: Task, steps: list[tuple[str, str]]) -> None:
    task.make()
    status = "queued"
    for kind, value in steps:
        if status in ENDED:
            break
        if kind == "status" and (status, value) in LEGAL:
            task.move(value)
            status = value
        elif kind == "phase":
            task.set(f"phase = '{value}'")
        elif kind == "epoch":
            task.set("epoch = epoch + 1")
    last = task.audit("status, details ->> 'phase', CAST(details ->> 'epoch' AS bigint)")[-1]
    assert last == [task.column("status"), task.column("phase"), task.column("epoch")]
    trail = [row[0] for row in task.audit("status")]
    moves = {(before, after) for before, after in itertools.pairwise(trail) if before != after}
    assert trail[0] == "queued"
    assert moves <= LEGAL
