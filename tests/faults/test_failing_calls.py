"""The n-th call to the database, to BigQuery or to Pub/Sub fails, for every n: once, and for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from infra.local.postgres import Postgres
from shared.domain.errors import Held, PermanentError, ResultLost, RetryLater, RetryNow, StillRunning
from tests.conftest import BigQueryEnv
from tests.integration.conftest import plane
from tests.support.aftermath import fresh_engine
from tests.support.control_plane import ControlPlane, RecordingBus
from tests.support.failing import FailingBus, FailingSource, FailingStore, Failure, ForgetfulStore, Lost
from tests.support.invariants import check_invariants
from tests.support.rehearsal import Rehearsal

__all__ = ["plane"]

JOBS = frozenset({"run", "fetch", "open_session", "read"})
STORE_ERRORS: dict[str, Callable[[], Exception]] = {
    "connection lost": lambda: RetryLater("database connection lost", reason="database_unavailable"),
    "deadlock": lambda: RetryNow("deadlock detected", reason="sqlstate_40P01"),
}
SOURCE_ERRORS: dict[str, Callable[[], Exception]] = {
    "unavailable": lambda: RetryLater("BigQuery is out of reach", reason="bigquery_unavailable"),
    "result lost": lambda: ResultLost("the result is gone"),
    "still running": lambda: StillRunning("the job still runs"),
    "unexpected": lambda: ValueError("nobody thought of this"),
}
CALLS = {"result lost": JOBS, "still running": frozenset({"run"})}


@pytest.fixture(scope="module")
def rehearsal(postgres: Postgres, migrated_template: str, bigquery_env: BigQueryEnv) -> Iterator[Rehearsal]:
    with fresh_engine(postgres, migrated_template, bigquery_env) as engine:
        yield Rehearsal(engine)


@pytest.mark.parametrize("error", STORE_ERRORS)
def test_whichever_statement_fails_once(rehearsal: Rehearsal, error: str) -> None:
    at = 1
    while True:
        failure = Failure(STORE_ERRORS[error], at)
        message = rehearsal.start()
        rehearsal.deliver(message, store=FailingStore(rehearsal.engine.store, failure))
        rehearsal.assert_published(rehearsal.bring_to_end(message))
        if not failure.struck:
            break
        at += 1
    assert at > 30
    check_invariants(rehearsal.engine)


@pytest.mark.parametrize("lost", ["request", "reply"])
def test_whichever_commit_has_no_reply(rehearsal: Rehearsal, lost: Lost) -> None:
    at = 1
    while True:
        message = rehearsal.start()
        store = ForgetfulStore(rehearsal.engine.store, at, lost)
        rehearsal.deliver(message, store=store)
        rehearsal.assert_published(rehearsal.bring_to_end(message))
        if not store.struck:
            break
        at += 1
    assert at > 15
    check_invariants(rehearsal.engine)


@pytest.mark.parametrize("error", SOURCE_ERRORS)
def test_whichever_call_to_bigquery_fails_once(rehearsal: Rehearsal, error: str) -> None:
    at = 1
    while True:
        failure = Failure(SOURCE_ERRORS[error], at, calls=CALLS.get(error, frozenset()))
        message = rehearsal.start()
        rehearsal.deliver(message, source=FailingSource(rehearsal.engine.source, failure))
        rehearsal.assert_published(rehearsal.bring_to_end(message))
        if not failure.struck:
            break
        at += 1
    assert at > 3
    check_invariants(rehearsal.engine)


@pytest.mark.parametrize("error", ["unavailable", "result lost"])
def test_whichever_call_to_bigquery_fails_for_good_the_task_fails_with_its_error(
    rehearsal: Rehearsal, error: str
) -> None:
    at = 1
    while True:
        failure = Failure(SOURCE_ERRORS[error], at, for_good=True, calls=CALLS.get(error, frozenset()))
        message = rehearsal.start()
        before = rehearsal.orders.target()
        source = FailingSource(rehearsal.engine.source, failure)
        rehearsal.deliver(message, source=source)
        task = rehearsal.bring_to_end(message, source=source)
        if not failure.struck:
            rehearsal.assert_published(task)
            break
        assert (task["status"], task["reason"]) == ("failed", "attempts_exhausted")
        assert str(SOURCE_ERRORS[error]()) in task["error"]
        assert rehearsal.orders.target() == before
        at += 1
    assert at > 3
    check_invariants(rehearsal.engine)


@pytest.mark.parametrize("call", ["describe", "run", "fetch", "open_session", "read"])
@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (PermanentError("no", reason="bigquery_refused"), "failed", "bigquery_refused"),
        (Held("too much", reason="cost_cap", details={"job_id": "j"}), "held", "cost_cap"),
    ],
    ids=["refused", "over budget"],
)
def test_what_no_retry_mends_ends_the_task_at_once(
    rehearsal: Rehearsal, call: str, error: Exception, status: str, reason: str
) -> None:
    message = rehearsal.start()
    before = rehearsal.orders.target()
    failure = Failure(lambda: error, 1, calls=frozenset({call}))
    assert rehearsal.deliver(message, source=FailingSource(rehearsal.engine.source, failure)) == "done"
    task = rehearsal.engine.state(message)
    assert (task["status"], task["reason"], task["error"]) == (status, reason, str(error))
    assert rehearsal.orders.target() == before
    check_invariants(rehearsal.engine)


def test_a_bus_that_takes_nothing_holds_up_no_data(rehearsal: Rehearsal) -> None:
    message = rehearsal.start()
    failure = Failure(lambda: RetryLater("Pub/Sub is down"), 1, for_good=True)
    assert isinstance(rehearsal.deliver(message, bus=FailingBus(RecordingBus(), failure)), RetryLater)
    rehearsal.assert_published(rehearsal.engine.state(message))
    bus = RecordingBus()
    assert rehearsal.deliver(message, bus=bus) == "done"
    assert {one.topic for one in bus.messages} == {"refresh-events", "refresh-schedule"}
    check_invariants(rehearsal.engine)


@pytest.mark.parametrize("error", ["connection lost", "deadlock"])
def test_whichever_statement_of_the_orchestrator_fails_the_day_is_planned_once(plane: ControlPlane, error: str) -> None:
    plane.register("a", "b", "c")
    plane.depend("b", "a")
    at = 1
    while True:
        plane.run("DELETE FROM refresh.refresh_outbox")
        plane.run("DELETE FROM refresh.refresh_task")
        plane.run("DELETE FROM refresh.refresh_run")
        plane.run("UPDATE refresh.refresh_table_registry SET next_refresh_at = NULL")
        plane.bus.messages.clear()
        failure = Failure(STORE_ERRORS[error], at)
        orchestrator = plane.orchestrator_on(FailingStore(plane.store, failure))
        plane.deliver_to(orchestrator, b'{"version":1,"kind":"daily"}')
        plane.deliver_to(plane.orchestrator, b'{"version":1,"kind":"daily"}')
        plane.sweep()
        assert sorted(set(plane.bus.tables())) == ["public.a", "public.c"]
        assert plane.tasks() == {"a": "queued", "b": "queued", "c": "queued"}
        if not failure.struck:
            break
        at += 1
    assert at > 8
