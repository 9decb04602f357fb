"""Each rule of the sweep: what is owed again, and what is left alone because somebody works on it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from shared.domain.errors import RetryLater
from tests.support.control_plane import ControlPlane

PAST = "now() - interval '1 minute'"
AHEAD = "now() + interval '1 minute'"
LONG_AGO = "now() - interval '11 minutes'"
BEFORE_THE_PAST = "now() - interval '2 minutes'"


@pytest.fixture
def planned(plane: ControlPlane) -> ControlPlane:
    """One run with the table a, whose first message is on the bus."""
    plane.register("a")
    plane.daily()
    return plane


def test_a_message_under_way_is_not_owed_again(planned: ControlPlane) -> None:
    assert planned.swept() == []


def test_a_message_that_a_crash_left_owed_is_published(plane: ControlPlane) -> None:
    plane.register("a")
    plane.bus.down = True
    with pytest.raises(RetryLater):
        plane.daily()
    plane.bus.down = False
    assert plane.swept() == ["public.a"]
    assert plane.swept() == []


def test_a_queued_task_whose_message_is_lost_is_owed_again_after_ten_minutes(planned: ControlPlane) -> None:
    planned.change("a", f"owed_at = {LONG_AGO}")
    assert planned.swept() == ["public.a"]
    assert planned.swept() == []


@pytest.mark.parametrize(("not_before", "owed"), [(PAST, ["public.a"]), (AHEAD, [])])
def test_a_delayed_retry_is_owed_when_its_time_has_come(
    planned: ControlPlane, not_before: str, owed: list[str]
) -> None:
    planned.change("a", f"owed_at = {BEFORE_THE_PAST}, not_before = {not_before}")
    assert planned.swept() == owed
    assert planned.swept() == []


def test_a_task_whose_lease_has_ended_is_handed_on_once(planned: ControlPlane) -> None:
    planned.claim("a", lease=-60)
    planned.change("a", f"owed_at = {BEFORE_THE_PAST}")
    assert planned.swept() == ["public.a"]
    assert planned.swept() == []
    planned.claim("a", lease=-0.001)
    assert planned.swept() == ["public.a"]


def test_a_live_lease_is_respected_however_old_the_message(planned: ControlPlane) -> None:
    planned.claim("a")
    planned.change("a", f"owed_at = {LONG_AGO}")
    assert planned.swept() == []


def test_a_task_whose_worker_is_in_its_transaction_is_left_alone(planned: ControlPlane) -> None:
    planned.claim("a", lease=-60)
    planned.change("a", f"owed_at = {BEFORE_THE_PAST}")
    with planned.store.transaction() as session:
        session.run("UPDATE refresh.refresh_task SET commit_marker = run_id")
        assert planned.swept() == []
    assert planned.swept() == ["public.a"]


@pytest.mark.parametrize(
    ("slices", "owed"),
    [
        pytest.param([{}], True, id="pending, nobody works"),
        pytest.param([{"not_before": AHEAD}], False, id="pending, not due"),
        pytest.param([{}, {"status": "running", "lease_until": AHEAD}], False, id="pending behind a live one"),
        pytest.param([{"status": "running", "lease_until": PAST}], True, id="lease ended"),
        pytest.param(
            [{"status": "running", "lease_until": PAST}, {"status": "running", "lease_until": AHEAD}],
            True,
            id="lease ended beside a live one",
        ),
        pytest.param(
            [{"started_at": PAST, "not_before": PAST}, {"status": "running", "lease_until": AHEAD}],
            True,
            id="delay ended beside a live one",
        ),
        pytest.param([{"status": "done", "finished_at": PAST}, {}], True, id="worker lost between two slices"),
        pytest.param([{"status": "done", "finished_at": "now()"}, {}], False, id="worker just between two slices"),
    ],
)
def test_slices_that_nobody_works_on_are_handed_on_once(
    planned: ControlPlane, slices: list[dict[str, str]], owed: bool
) -> None:
    planned.claim("a")
    for number, columns in enumerate(slices):
        columns = dict(columns)
        planned.slice("a", number, columns.pop("status", "pending"), **({"not_before": BEFORE_THE_PAST} | columns))
    planned.change("a", "owed_at = now() - interval '3 minutes'")
    assert planned.swept() == ["public.a"] * owed
    assert planned.swept() == []


def test_a_task_with_every_slice_done_and_nobody_to_publish_it_is_handed_on(planned: ControlPlane) -> None:
    planned.claim("a")
    planned.slice("a", 0, "done", finished_at=PAST)
    planned.change("a", f"slices_open = 0, phase = 'staged', owed_at = {BEFORE_THE_PAST}")
    assert planned.swept() == ["public.a"]
    assert planned.swept() == []


def test_two_sweeps_at_once_owe_one_message(planned: ControlPlane) -> None:
    planned.claim("a", lease=-60)
    planned.change("a", f"owed_at = {BEFORE_THE_PAST}")
    barrier = Barrier(4)

    def sweep(_: int) -> str:
        barrier.wait()
        return planned.sweep()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(sweep, range(4))) == ["swept"] * 4
    assert planned.bus.tables() == ["public.a", "public.a"]


def test_tasks_of_a_run_that_has_ended_are_left_alone(planned: ControlPlane) -> None:
    planned.finish("a")
    assert planned.swept() == []
    assert planned.swept() == []


def test_a_manual_run_whose_message_is_lost_is_planned_after_a_minute(plane: ControlPlane) -> None:
    plane.register("a")
    plane.request("a")
    plane.run("DELETE FROM refresh.refresh_outbox")
    assert plane.swept() == []
    plane.run(f"UPDATE refresh.refresh_run SET created_at = {BEFORE_THE_PAST}")
    assert plane.swept() == ["public.a"]


def test_dependents_skips_and_ends_need_no_message(plane: ControlPlane) -> None:
    plane.register("a", "b", "c")
    plane.depend("b", "a")
    plane.daily()
    plane.finish("a")
    plane.finish("c", "failed")
    plane.run("DELETE FROM refresh.refresh_outbox WHERE published_at IS NULL")
    assert plane.swept() == ["public.b"]
    plane.finish("b")
    plane.run("DELETE FROM refresh.refresh_outbox WHERE published_at IS NULL")
    plane.sweep()
    assert plane.run("SELECT status FROM refresh.refresh_run") == [{"status": "failed"}]


def test_a_sweep_leaves_its_time_and_cleans_up_once_an_hour(plane: ControlPlane) -> None:
    plane.sweep()
    beats = {row["name"]: row["beaten_at"] for row in plane.run("SELECT * FROM refresh.refresh_heartbeat")}
    plane.sweep()
    again = {row["name"]: row["beaten_at"] for row in plane.run("SELECT * FROM refresh.refresh_heartbeat")}
    assert again["sweep"] > beats["sweep"]
    assert again["cleanup"] == beats["cleanup"]
    plane.run("UPDATE refresh.refresh_heartbeat SET beaten_at = beaten_at - interval '61 minutes'")
    plane.sweep()
    third = {row["name"]: row["beaten_at"] for row in plane.run("SELECT * FROM refresh.refresh_heartbeat")}
    assert third["cleanup"] > again["cleanup"]


def test_a_sweep_that_cannot_publish_does_the_rest_and_says_so(plane: ControlPlane) -> None:
    plane.register("a")
    plane.daily()
    plane.finish("a")
    plane.bus.down = True
    with pytest.raises(RetryLater, match="could not publish"):
        plane.sweep()
    assert plane.run("SELECT status FROM refresh.refresh_run") == [{"status": "success"}]
    assert plane.run("SELECT FROM refresh.refresh_heartbeat WHERE name = 'sweep'") == []


def test_a_table_that_becomes_stale_is_told_once_until_its_data_is_newer(plane: ControlPlane) -> None:
    """No task ends where the daily trigger does not come, so nothing else would tell."""
    plane.register("a", "b", "c", "view")
    plane.register("shadow", mode="shadow")
    plane.run("UPDATE refresh.refresh_table_registry SET created_at = now() - interval '9 days'")
    shows(plane, "a", hours=26)
    shows(plane, "b", hours=24.9)
    shows(plane, "shadow", hours=100)
    plane.run("UPDATE refresh.refresh_table_registry SET frequency_hours = 168 WHERE table_name = 'view'")
    shows(plane, "view", hours=170)
    for expected in (["a", "c", "view"], [], []):
        assert told_stale(plane) == expected
    (told,) = (one.payload for one in plane.bus.of_topic("refresh-events") if one.payload["table"] == "public.a")
    assert (told["type"], told["run_id"], told["data"]["frequency_hours"]) == ("data.stale", None, 24)
    assert told["data"]["data_as_of"].endswith("Z")
    shows(plane, "a", hours=25.5)
    assert told_stale(plane) == ["a"]
    shows(plane, "a", hours=1)
    assert told_stale(plane) == []


def shows(plane: ControlPlane, name: str, *, hours: float) -> None:
    plane.run(
        f"UPDATE refresh.refresh_table_registry SET scanned_snapshot_at = now() - interval '{hours} hours'"
        " WHERE table_name = :name",
        name=name,
    )


def told_stale(plane: ControlPlane) -> list[str]:
    """The tables that one sweep tells to be stale."""
    before = len(plane.bus.of_topic("refresh-events"))
    plane.sweep()
    events = plane.bus.of_topic("refresh-events")[before:]
    assert {one.payload["type"] for one in events} <= {"data.stale"}
    return sorted(one.payload["table"].removeprefix("public.") for one in events)
