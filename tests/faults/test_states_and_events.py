"""Every state of a task against every event, as infra/STATES.md has it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from infra.local.postgres import Postgres
from shared.domain.errors import StoreRefused
from shared.domain.messages import Delivery, TableMessage
from shared.domain.states import Phase, TaskStatus
from shared.orchestration.orchestrator import Orchestrator
from shared.ports import Row
from shared.refresh.claim import task_parameters
from shared.sql import statement
from tests.conftest import BigQueryEnv
from tests.support.aftermath import bring_to_end, fresh_engine, let_time_pass
from tests.support.control_plane import SCHEDULE, RecordingBus
from tests.support.engine import Engine
from tests.support.gates import let_leases_end
from tests.support.history import BASE, DAILY, MANUAL, History
from tests.support.invariants import check_invariants

DOCUMENT = Path(__file__).parents[2] / "infra" / "STATES.md"
IN_A_GROUP = " in a group"
"""A task of a publish group, of which the other table has not begun."""
LEASED = {Phase.PLANNING: "planning_claimed", Phase.LOADING: "slice_claimed", Phase.PUBLISHING: "publishing_claimed"}


class Abandoned(BaseException):
    """The worker is not heard of any more; what it holds stays held."""


class Case:
    """A table whose task, at the daily snapshot, has been brought into a state."""

    def __init__(self, history: History, second: Engine, state: str) -> None:
        self.history = history
        self.engine = history.engine
        self.second = second
        self.bus = RecordingBus()
        status, _, phase = state.removesuffix(IN_A_GROUP).partition(", ")
        group: dict[str, Any] = {"publish_group": f"group_{uuid.uuid4().hex}"} if state.endswith(IN_A_GROUP) else {}
        self.table = history.table(published=True, slice_target_rows=6, **group)
        tables = [self.table, *([history.table(published=True, **group)] if group else [])]
        snapshot = history.snapshots[BASE if status == TaskStatus.NO_NEW_DATA else DAILY]
        self.message, *self.others = self.engine.tasks(*tables, snapshot_at=snapshot)
        self._reach(TaskStatus(status), Phase(phase) if phase else None)

    @property
    def task(self) -> Row:
        return self.engine.state(self.message)

    @property
    def run_status(self) -> str:
        (run,) = self.engine.sql("SELECT status FROM refresh.refresh_run WHERE run_id = :run", run=self.message.run_id)
        return str(run["status"])

    def owed(self) -> int:
        """How many messages to workers the task has been owed until now."""
        (row,) = self.engine.sql(
            "SELECT count(*) AS messages FROM refresh.refresh_outbox WHERE topic = 'refresh-generic'"
            " AND payload ->> 'run_id' = :run",
            run=str(self.message.run_id),
        )
        return int(row["messages"])

    def change(self, assignments: str) -> None:
        self.engine.sql(f"UPDATE refresh.refresh_task SET {assignments} WHERE run_id = :run", run=self.message.run_id)

    def orchestrate(self, kind: str, **fields: str) -> None:
        """A message to the orchestrator."""
        self._orchestrator_takes(json.dumps({"version": 1, "kind": kind} | fields), "refresh-schedule-push", {})

    def dead_letter(self) -> None:
        """The task's message comes back by the dead-letter subscription."""
        forwarded = {"CloudPubSubDeadLetterSourceSubscription": "refresh-generic-push"}
        body = {"version": 1, "run_id": str(self.message.run_id), "table": self.table}
        self._orchestrator_takes(json.dumps(body), "refresh-dead-letter-push", forwarded)

    def finish(self) -> None:
        """Bring what is still open to its end, the others of its group first."""
        for table in (*(other.table for other in self.others), self.message.table):
            for row in self.engine.sql(
                "SELECT run_id FROM refresh.refresh_task WHERE table_name = :name AND finished_at IS NULL",
                name=table.name,
            ):
                message = TableMessage(run_id=row["run_id"], table=table)
                if table == self.message.table:
                    bring_to_end(self.engine, message)
                else:
                    self.engine.deliver(message)

    def _orchestrator_takes(self, body: str, subscription: str, attributes: dict[str, str]) -> None:
        orchestrator = Orchestrator(store=self.engine.store, bus=self.bus, source=self.engine.source, schedule=SCHEDULE)
        orchestrator.handle(
            Delivery(
                message_id=str(uuid.uuid4()),
                data=body.encode(),
                attributes=attributes,
                published_at=datetime.now(UTC),
                subscription=f"projects/p/subscriptions/{subscription}",
            )
        )

    def _reach(self, status: TaskStatus, phase: Phase | None) -> None:
        if status in (TaskStatus.SUCCESS, TaskStatus.NO_NEW_DATA):
            assert self.engine.deliver(self.message)["status"] == status
        elif status is TaskStatus.HELD:
            self._hold()
        elif status.ended:
            self._abandon_at("planning_claimed")
            with self.engine.store.transaction() as session:
                parameters = task_parameters(self.message.task) | {"status": str(status), "reason": "test"}
                session.run(statement("end_task"), **parameters, error=None, details="{}")
        elif phase is Phase.STAGED:
            self._abandon_at("slice_committed", when=lambda: self.task["phase"] == Phase.STAGED)
        elif phase is not None:
            self._abandon_at(LEASED[phase])
        assert (self.task["status"], phase or self.task["phase"]) == (status, self.task["phase"])

    def _hold(self) -> None:
        """A check holds the table, which nobody asks for any more afterwards."""
        checks = "UPDATE refresh.refresh_table_registry SET checks = CAST(:checks AS jsonb) WHERE table_name = :name"
        self.engine.sql(checks, checks='{"max_deleted_share": 0.01}', name=self.message.table.name)
        self.engine.deliver(self.message)
        self.engine.sql(checks, checks="{}", name=self.message.table.name)

    def _abandon_at(self, step: str, when: Callable[[], bool] = lambda: True) -> None:
        def leave() -> None:
            if when():
                raise Abandoned

        self.engine.steps.actions = {step: leave}
        with pytest.raises(Abandoned):
            self.engine.deliver(self.message)
        self.engine.steps.actions = {}


def table_message(case: Case) -> None:
    case.engine.deliver(case.message)


def duplicate_message(case: Case) -> None:
    workers = [Thread(target=one.deliver, args=(case.message,)) for one in (case.engine, case.second)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)


def newer_run(case: Case) -> None:
    assert case.engine.deliver(case.history.run(case.table, MANUAL))["status"] == "success"


def manual_run(case: Case) -> None:
    (row,) = case.engine.sql("SELECT refresh.request_run(ARRAY[:table]) AS run_id", table=case.table)
    case.orchestrate("manual", run_id=str(row["run_id"]))


def release(case: Case) -> None:
    (row,) = case.engine.sql(
        "SELECT refresh.release(:table, CAST(:run AS uuid)) AS run_id", table=case.table, run=case.message.run_id
    )
    case.orchestrate("manual", run_id=str(row["run_id"]))


def refuse(case: Case) -> None:
    case.engine.sql(
        "SELECT refresh.refuse(:table, 'bad', CAST(:run AS uuid))", table=case.table, run=case.message.run_id
    )


def rollback(case: Case) -> None:
    case.engine.sql("SELECT refresh.roll_back(:run)", run=case.message.run_id)


EVENTS: dict[str, Callable[[Case], None]] = {
    "table message": table_message,
    "duplicate message": duplicate_message,
    "sweep": lambda case: case.orchestrate("sweep"),
    "table_finished": lambda case: case.orchestrate(
        "table_finished", run_id=str(case.message.run_id), table=case.table
    ),
    "dead letter": Case.dead_letter,
    "newer run": newer_run,
    "manual run": manual_run,
    "lease end": lambda case: let_leases_end(case.engine),
    "release": release,
    "refuse": refuse,
    "rollback": rollback,
}
STATES = [
    str(TaskStatus.QUEUED),
    *(f"running, {phase}" for phase in (Phase.PLANNING, Phase.LOADING, Phase.STAGED)),
    f"running, {Phase.STAGED}{IN_A_GROUP}",
    f"running, {Phase.PUBLISHING}",
    *(str(status) for status in TaskStatus if status.ended),
]


def works(case: Case, before: Row, event: Callable[[], None]) -> None:
    event()
    assert (case.task["status"], case.task["reason"]) == ("success", None)
    assert case.history.held_by(case.table) == case.history.content(DAILY)


def once(case: Case, before: Row, event: Callable[[], None]) -> None:
    works(case, before, event)
    audit = case.engine.sql(
        "SELECT event, slice_no, count(*) AS times FROM refresh.refresh_audit_log WHERE run_id = :run"
        " AND (event IN ('slice_done', 'task_success', 'task_staged') OR event LIKE '%claimed') GROUP BY 1, 2",
        run=case.message.run_id,
    )
    assert {row["times"] for row in audit} == {1}


def helps(case: Case, before: Row, event: Callable[[], None]) -> None:
    (held,) = _slices(case, "running")
    event()
    assert case.task["phase"] == Phase.LOADING
    assert _slices(case, "running") == [held]
    assert _slices(case, "pending") == []
    assert len(_slices(case, "done")) == case.task["slices_total"] - 1


def nothing(case: Case, before: Row, event: Callable[[], None]) -> None:
    owed, target = case.owed(), case.history.held_by(case.table)
    event()
    assert case.task == before
    assert case.owed() == owed
    assert case.history.held_by(case.table) == target


def owes_if_lost(case: Case, before: Row, event: Callable[[], None]) -> None:
    case.change("owed_at = now()")
    nothing(case, case.task, event)
    case.change("owed_at = now() - interval '11 minutes'")
    _owes_once(case, event)


def owes_if_left(case: Case, before: Row, event: Callable[[], None]) -> None:
    nothing(case, before, event)
    _a_minute_passes(case)
    _owes_once(case, event)


def owes_if_ready(case: Case, before: Row, event: Callable[[], None]) -> None:
    assert before["owed_at"] is None
    _owes_once(case, event)


def owes_again(case: Case, before: Row, event: Callable[[], None]) -> None:
    owed = case.owed()
    event()
    assert case.owed() == owed + 1
    assert (case.task["status"], case.task["phase"]) == (before["status"], before["phase"])
    assert _dead_letters(case) == 1


def records(case: Case, before: Row, event: Callable[[], None]) -> None:
    nothing(case, before, event)
    assert _dead_letters(case) == 1


def overtaken(case: Case, before: Row, event: Callable[[], None]) -> None:
    event()
    assert case.task == before
    let_time_pass(case.engine)
    for message in (*case.others, case.message):
        case.engine.deliver(message)
    assert (case.task["status"], case.task["reason"]) == ("skipped", "superseded")
    assert case.history.held_by(case.table) == case.history.content(MANUAL)


def keeps(case: Case, before: Row, event: Callable[[], None]) -> None:
    event()
    assert case.task == before
    assert case.history.held_by(case.table) == case.history.content(MANUAL)


def own_task(case: Case, before: Row, event: Callable[[], None]) -> None:
    nothing(case, before, event)
    (other,) = case.engine.sql(
        "SELECT status FROM refresh.refresh_task WHERE run_id <> ALL (:runs) AND table_name = :name"
        " AND status = 'queued' AND owed_at IS NOT NULL",
        runs=[case.message.run_id],
        name=case.message.table.name,
    )
    assert other["status"] == "queued"


def handed_on(case: Case, before: Row, event: Callable[[], None]) -> None:
    event()
    _a_minute_passes(case)
    _owes_once(case, lambda: case.orchestrate("sweep"))
    works(case, before, lambda: table_message(case))


def no_lease(case: Case, before: Row, event: Callable[[], None]) -> None:
    held = case.engine.sql(
        "SELECT lease_until FROM refresh.refresh_checkpoint WHERE run_id = :run AND lease_until IS NOT NULL",
        run=case.message.run_id,
    )
    assert (before["lease_until"], held) == (None, [])
    nothing(case, before, event)


def ends_run(case: Case, before: Row, event: Callable[[], None]) -> None:
    assert case.run_status == "running"
    nothing(case, before, event)
    expected = {"failed": "failed", "success": "success", "no_new_data": "success"}
    assert case.run_status == expected.get(before["status"], "warning")


def declines(sqlstate: str) -> Callable[[Case, Row, Callable[[], None]], None]:
    def declined(case: Case, before: Row, event: Callable[[], None]) -> None:
        def ask() -> None:
            with pytest.raises(StoreRefused) as caught:
                event()
            assert caught.value.sqlstate == sqlstate, caught.value

        nothing(case, before, ask)

    return declined


def released(case: Case, before: Row, event: Callable[[], None]) -> None:
    nothing(case, before, event)
    case.finish()
    assert case.history.held_by(case.table) == case.history.content(DAILY)


def refused(case: Case, before: Row, event: Callable[[], None]) -> None:
    nothing(case, before, event)
    again = case.engine.deliver(case.history.run(case.table, DAILY))
    assert (again["status"], again["reason"]) == ("held", "refused")
    assert case.history.held_by(case.table) == case.history.content(BASE)


def nothing_published(case: Case, before: Row, event: Callable[[], None]) -> None:
    def is_refused() -> None:
        with pytest.raises(StoreRefused) as raised:
            event()
        assert raised.value.sqlstate == "P0002"

    nothing(case, before, is_refused)


def taken_back(case: Case, before: Row, event: Callable[[], None]) -> None:
    event()
    assert case.task == before
    assert case.history.held_by(case.table) == case.history.content(BASE)
    again = case.engine.deliver(case.history.run(case.table, DAILY))
    assert (again["status"], again["reason"]) == ("held", "rolled_back")
    assert case.history.held_by(case.table) == case.history.content(BASE)


def waits(case: Case, before: Row, event: Callable[[], None]) -> None:
    _a_minute_passes(case)
    case.engine.sql(
        "UPDATE refresh.refresh_task SET owed_at = now() WHERE run_id = :run AND table_name = :name",
        run=case.message.run_id,
        name=case.others[0].table.name,
    )
    nothing(case, case.task, event)
    case.engine.deliver(case.others[0])
    assert {case.engine.state(message)["status"] for message in (case.message, *case.others)} == {"success"}
    assert case.history.held_by(case.table) == case.history.content(DAILY)


ANSWERS: dict[str, Callable[[Case, Row, Callable[[], None]], None]] = {
    "works": works,
    "once": once,
    "busy": nothing,
    "helps": helps,
    "waits": waits,
    "nothing": nothing,
    "owes if lost": owes_if_lost,
    "owes if left": owes_if_left,
    "owes if ready": owes_if_ready,
    "respects": nothing,
    "owes again": owes_again,
    "records": records,
    "overtaken": overtaken,
    "keeps": keeps,
    "own task": own_task,
    "handed on": handed_on,
    "no lease": no_lease,
    "ends run": ends_run,
    "told to wait": declines("RF003"),
    "nothing held": declines("RF001"),
    "released": released,
    "refused": refused,
    "nothing published": nothing_published,
    "taken back": taken_back,
}


def documented() -> dict[tuple[str, str], str]:
    """The document's table: state and event to answer."""
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(row[0], event): cell for row in rows for event, cell in zip(head[1:], row[1:], strict=True)}


CELLS = documented()


def test_the_document_has_every_cell_and_explains_every_answer() -> None:
    assert list(CELLS) == [(state, event) for state in STATES for event in EVENTS]
    text = DOCUMENT.read_text()
    assert set(CELLS.values()) == set(ANSWERS)
    for word in [*ANSWERS, *EVENTS]:
        assert f"- **{word}**:" in text


@pytest.fixture(scope="module")
def history(postgres: Postgres, migrated_template: str, bigquery_env: BigQueryEnv) -> Iterator[History]:
    with fresh_engine(postgres, migrated_template, bigquery_env) as engine:
        engine.sql("DELETE FROM refresh.refresh_table_registry")
        yield History(engine)


@pytest.fixture(scope="module")
def second(history: History) -> Iterator[Engine]:
    """A second worker."""
    engine = history.engine.another()
    yield engine
    engine.close()


@pytest.mark.parametrize(("state", "event"), CELLS)
def test_every_cell(history: History, second: Engine, state: str, event: str) -> None:
    case = Case(history, second, state)
    ANSWERS[CELLS[state, event]](case, case.task, lambda: EVENTS[event](case))
    case.finish()
    check_invariants(history.engine)


def _slices(case: Case, status: str) -> list[int]:
    rows = case.engine.sql(
        "SELECT slice_no FROM refresh.refresh_checkpoint WHERE run_id = :run AND status = :status ORDER BY 1",
        run=case.message.run_id,
        status=status,
    )
    return [row["slice_no"] for row in rows]


def _dead_letters(case: Case) -> int:
    return len(case.engine.sql("SELECT FROM refresh.refresh_dead_letter WHERE run_id = :run", run=case.message.run_id))


def _a_minute_passes(case: Case) -> None:
    """Since the message was owed and the last slice was done."""
    case.change("owed_at = now() - interval '1 minute'")
    case.engine.sql("UPDATE refresh.refresh_checkpoint SET finished_at = finished_at - interval '1 minute'")


def _owes_once(case: Case, event: Callable[[], None]) -> None:
    owed = case.owed()
    event()
    event()
    assert case.owed() == owed + 1
