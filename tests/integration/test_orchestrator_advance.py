"""Dependents follow, failures cascade, runs end, on a real database and with two orchestrators at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest

from tests.support.control_plane import ControlPlane


def run_status(plane: ControlPlane) -> str:
    return str(plane.run("SELECT status FROM refresh.refresh_run")[0]["status"])


def finished(plane: ControlPlane, table: str) -> bytes:
    (run,) = plane.run("SELECT run_id FROM refresh.refresh_run")
    body = {"version": 1, "kind": "table_finished", "run_id": str(run["run_id"]), "table": f"public.{table}"}
    return json.dumps(body).encode()


def test_a_chain_is_worked_off_in_order_and_the_run_ends(plane: ControlPlane) -> None:
    plane.register("a", "b", "c")
    plane.depend("b", "a")
    plane.depend("c", "b")
    plane.daily()
    for name in ("a", "b", "c"):
        assert plane.bus.tables()[-1] == f"public.{name}"
        assert run_status(plane) == "running"
        plane.finish(name)
        plane.deliver_owed()
    assert run_status(plane) == "success"
    assert plane.bus.tables() == ["public.a", "public.b", "public.c"]


@pytest.mark.parametrize("status", ["failed", "held"])
def test_a_bad_end_skips_hard_dependents_in_a_cascade_and_frees_soft_ones(plane: ControlPlane, status: str) -> None:
    plane.register("a", "b", "c", "soft")
    plane.depend("b", "a")
    plane.depend("c", "b")
    plane.depend("soft", "a", kind="soft")
    plane.daily()
    plane.finish("a", status)
    plane.deliver_owed()
    tasks = plane.tasks()
    assert tasks["b"] == "skipped input_failed: public.a"
    assert tasks["c"] == "skipped input_failed: public.b"
    assert plane.bus.tables() == ["public.a", "public.soft"]
    plane.finish("soft")
    plane.deliver_owed()
    assert run_status(plane) == ("failed" if status == "failed" else "warning")
    events = [one.payload["type"] for one in plane.bus.of_topic("refresh-events")]
    assert sorted(events) == sorted([f"refresh.{status}", "refresh.warning", "refresh.warning", "refresh.completed"])


@pytest.mark.parametrize("status", ["success", "warning", "no_new_data"])
def test_a_good_end_frees_hard_dependents(plane: ControlPlane, status: str) -> None:
    plane.register("a", "b")
    plane.depend("b", "a")
    plane.daily()
    plane.finish("a", status)
    plane.deliver_owed()
    assert plane.bus.tables() == ["public.a", "public.b"]


def test_finished_twice_and_at_once_owes_the_dependent_once_and_ends_the_run_once(plane: ControlPlane) -> None:
    plane.register("a", "b", "c")
    plane.depend("c", "a", "b")
    plane.daily()
    plane.finish("a")
    plane.finish("b")
    at_once(plane, [finished(plane, "a"), finished(plane, "b")] * 4)
    assert plane.bus.tables() == ["public.a", "public.b", "public.c"]
    plane.finish("c")
    at_once(plane, [finished(plane, "c")] * 6)
    assert run_status(plane) == "success"
    rows = plane.run("SELECT count(*) AS ends FROM refresh.refresh_audit_log WHERE event = 'run_success'")
    assert rows[0]["ends"] == 1


def at_once(plane: ControlPlane, messages: list[bytes]) -> None:
    barrier = Barrier(len(messages))

    def deliver(message: bytes) -> str:
        barrier.wait()
        return plane.deliver(message)

    with ThreadPoolExecutor(len(messages)) as pool:
        list(pool.map(deliver, messages))


def test_a_publish_that_refers_to_the_run_does_not_hold_it_up(plane: ControlPlane) -> None:
    plane.register("a", "b", "c")
    plane.depend("c", "a")
    plane.daily()
    plane.claim("b")
    plane.finish("a")
    with plane.store.transaction() as session:
        session.run(
            "INSERT INTO refresh.refresh_partition_state "
            "(table_schema, table_name, scope, definition_hash, snapshot_at, rows, run_id) "
            "SELECT 'public', 'b', 'x', 'h', now(), 0, run_id FROM refresh.refresh_run"
        )
        session.run("UPDATE refresh.refresh_task SET commit_marker = run_id WHERE table_name = 'b'")
        plane.deliver(finished(plane, "a"))
    assert plane.bus.tables()[-1] == "public.c"


def test_a_message_about_a_run_that_is_gone_or_has_ended_is_done_with(plane: ControlPlane) -> None:
    body = {"version": 1, "kind": "table_finished", "run_id": str(uuid4()), "table": "public.a"}
    assert plane.deliver(json.dumps(body).encode()) == "advanced"
    plane.register("a")
    plane.daily()
    plane.finish("a")
    plane.deliver_owed()
    plane.deliver(finished(plane, "a"))
    assert run_status(plane) == "success"


def test_a_message_before_its_run_is_planned_does_not_end_the_run(plane: ControlPlane) -> None:
    plane.register("a")
    plane.request("a")
    plane.deliver(finished(plane, "a"))
    assert run_status(plane) == "running"
