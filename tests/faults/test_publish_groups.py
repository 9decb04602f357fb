"""A publish group changes in one transaction, or not at all, whoever publishes it and whatever breaks meanwhile."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from threading import Barrier, Thread
from typing import Any

import pytest

from shared.refresh.merge import Merge
from tests.support.engine import Engine
from tests.support.gates import Stepper, Worker, cut_off_open_transactions, let_leases_end
from tests.support.grouped import GroupRun, StagedGroup, deliver, items, left_open
from tests.support.invariants import check_invariants
from tests.support.readers import TwoTables, audience
from tests.support.staged import StagedEngine
from tests.support.worker_process import run_worker

PUBLISH_STEPS = [
    "publishing_claimed",
    "publish_fenced",
    "publish_locked",
    "publish_merged",
    "publish_recorded",
    "view_refreshed",
]
INSIDE = PUBLISH_STEPS[1:]
SUCCESS, GROUP_HELD = ("success", None), ("held", "group_held")
_KILLED = -9


@pytest.fixture
def engine(migrated_url: str) -> Iterator[StagedEngine]:
    engine = StagedEngine(migrated_url)
    yield engine
    engine.close()


@pytest.fixture
def group(engine: StagedEngine) -> StagedGroup:
    return StagedGroup(engine)


def test_what_is_staged_waits_and_the_last_one_publishes_all_in_one_transaction(
    engine: StagedEngine, group: StagedGroup
) -> None:
    group.publish(1)
    run = group.run(2)
    group.items.stage(items(2), message=run.items)
    assert engine.deliver(run.items)["phase"] == "staged"
    group.others.stage(items(2), message=run.others)
    assert engine.deliver(run.others)["phase"] == "staged"
    assert [(row["status"], row["lease_until"]) for row in group.states(run)[:2]] == [("running", None)] * 2
    assert group.shown() == {"version 1"}

    assert engine.deliver_view(run.view)["status"] == "success"
    assert group.ends(run) == [SUCCESS] * 3
    assert group.shown() == {"version 2"}
    written = engine.sql(
        "SELECT DISTINCT xmin::text AS xmin FROM (SELECT xmin FROM public.items"
        " UNION ALL SELECT xmin FROM public.others"
        " UNION ALL SELECT xmin FROM refresh.refresh_task WHERE run_id = :run) AS written",
        run=run.items.run_id,
    )
    assert len(written) == 1
    check_invariants(engine)


def test_every_read_of_two_tables_sees_one_version_of_both(engine: StagedEngine, group: StagedGroup) -> None:
    group.publish(1)
    tables = TwoTables(engine, group.items.table, group.others.table, join="part")
    tables.publish_is_over()
    with audience(tables) as readers:
        readers.has_looked()
        engine.steps.actions = dict.fromkeys(INSIDE, readers.has_looked)
        with engine.store.transaction(isolation="repeatable read") as long_read:
            versions = tables.read_versions(long_read)
            for version in (2, 3):
                group.publish(version)
                tables.publish_is_over()
            assert tables.read_content(long_read) == tables.published[versions]
        readers.has_looked()
    assert readers.torn() == set()
    assert readers.versions() == set(tables.published)
    check_invariants(engine)


def test_readers_of_the_view_beside_its_tables_see_one_version(engine: StagedEngine, group: StagedGroup) -> None:
    group.publish(1)
    tables = TwoTables(engine, group.items.table, "public.totals", join="text")
    tables.publish_is_over()
    with audience(tables) as readers:
        engine.steps.actions = dict.fromkeys(INSIDE, readers.has_looked)
        group.publish(2)
        tables.publish_is_over()
        readers.has_looked()
    assert readers.torn() == set()
    check_invariants(engine)


@pytest.mark.parametrize(
    ("step", "passes"), [*((step, 0) for step in PUBLISH_STEPS), ("publish_merged", 1), ("publish_recorded", 1)]
)
def test_a_worker_killed_in_a_group_publish_leaves_all_unpublished(
    engine: StagedEngine, group: StagedGroup, step: str, passes: int
) -> None:
    """On the first attempt and on the second; `passes` 1: when another table of the group has got there before."""
    group.publish(1)
    run = group.staged(2)
    order = _order(engine, run) | {"kill_at": step, "passes": passes}
    for _ in range(2):
        let_leases_end(engine)
        assert run_worker(order) == _KILLED
        assert group.shown() == {"version 1"}
        assert {row["status"] for row in group.states(run)} == {"running"}
    let_leases_end(engine)
    deliver(engine, run.view)
    assert group.ends(run) == [SUCCESS] * 3
    assert group.shown() == {"version 2"}
    check_invariants(engine)


@pytest.mark.parametrize("seed", range(12))
def test_of_workers_that_stage_the_last_tables_at_once_exactly_one_publishes(
    engine: StagedEngine, group: StagedGroup, seed: int
) -> None:
    chance = random.Random(seed)
    run = group.staged(1, view=chance.random() < 0.5)
    workers = [engine.another() for _ in run.messages]
    together = Barrier(len(workers))

    def work(worker: Engine, message: Any) -> None:
        together.wait(30)
        deliver(worker, message)

    threads = [
        Thread(target=work, args=(worker, message)) for worker, message in zip(workers, run.messages, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for worker in workers:
        worker.close()
    assert group.ends(run) == [SUCCESS] * 3
    assert sum(worker.steps.seen.count("publish_committed") for worker in workers) == 1
    check_invariants(engine)


def test_duplicate_messages_of_every_member_publish_once(engine: StagedEngine, group: StagedGroup) -> None:
    run = group.staged(1)
    for message in run.messages * 2:
        deliver(engine, message)
    assert engine.steps.seen.count("publish_committed") == 1
    assert group.ends(run) == [SUCCESS] * 3
    check_invariants(engine)


@pytest.mark.parametrize("step", ["publishing_claimed", *INSIDE])
@pytest.mark.parametrize("member", ["items", "others", "totals"])
def test_a_zombie_publishes_nothing_once_the_claim_of_any_member_was_taken_over(
    engine: StagedEngine, group: StagedGroup, member: str, step: str
) -> None:
    group.publish(1)
    run = group.staged(2)
    sleeper = engine.another()
    zombie = Worker(sleeper, run.items, step).started()
    assert zombie.stands()
    cut_off_open_transactions(engine)
    engine.sql(
        "UPDATE refresh.refresh_task SET epoch = epoch + 1 WHERE run_id = :run AND table_name = :name",
        run=run.items.run_id,
        name=member,
    )
    zombie.finish()
    sleeper.close()
    assert not zombie.published
    assert group.shown() == {"version 1"}
    let_leases_end(engine)
    deliver(engine, run.others)
    assert group.ends(run) == [SUCCESS] * 3
    check_invariants(engine)


def halved(group: StagedGroup, run: GroupRun) -> tuple[str, str]:
    """The source of `others` has lost most of its rows when the publish looks again."""
    group.engine.sql(
        "UPDATE refresh.refresh_task_scope SET rows = 0 WHERE run_id = :run AND table_name = 'others'",
        run=run.others.run_id,
    )
    return "held", "empty_source"


def doubled_key(group: StagedGroup, run: GroupRun) -> tuple[str, str]:
    group.engine.sql(
        f"UPDATE refresh_staging.{run.others.task.staging_table} SET id = 100 WHERE part = 'a'",
    )
    return "failed", "duplicate_key"


def changed_target(group: StagedGroup, run: GroupRun) -> tuple[str, str]:
    group.engine.sql("ALTER TABLE public.others ALTER COLUMN text SET NOT NULL")
    return "failed", "definition_changed"


def lost_staging(group: StagedGroup, run: GroupRun) -> tuple[str, str]:
    group.engine.sql(f"DROP TABLE refresh_staging.{run.others.task.staging_table}")
    return "failed", "staging_lost"


@pytest.mark.parametrize("spoil", [halved, doubled_key, changed_target, lost_staging])
def test_a_member_that_cannot_publish_holds_the_others(
    engine: StagedEngine, group: StagedGroup, spoil: Callable[[StagedGroup, GroupRun], tuple[str, str]]
) -> None:
    group.publish(1)
    run = group.staged(2)
    expected = spoil(group, run)
    deliver(engine, run.items)
    assert group.ends(run) == [GROUP_HELD, expected, GROUP_HELD]
    why = f"public.others is {expected[0]} ({expected[1]})"
    assert group.states(run)[0]["error"].startswith(why)
    assert group.states(run)[0]["details"]["group_held_by"] == "public.others"
    assert group.shown() == {"version 1"}
    check_invariants(engine)


def test_a_member_without_changes_does_not_keep_the_others_back(engine: StagedEngine, group: StagedGroup) -> None:
    group.publish(1)
    run = group.run(2)
    group.items.stage(items(2), message=run.items)
    group.others.stage([], message=run.others)
    group.stage_view(run)
    deliver(engine, run.others)
    assert group.ends(run) == [SUCCESS, ("no_new_data", None), SUCCESS]
    assert group.items.items() == items(2)
    check_invariants(engine)


def test_a_group_in_which_nothing_changed_ends_without_new_data(engine: StagedEngine, group: StagedGroup) -> None:
    group.publish(1)
    run = group.run(2)
    group.items.stage([], message=run.items)
    group.others.stage([], message=run.others)
    group.stage_view(run)
    deliver(engine, run.view)
    assert group.ends(run) == [("no_new_data", None)] * 3
    check_invariants(engine)


def test_a_scope_that_one_member_holds_stays_as_it_was_in_all(engine: StagedEngine, group: StagedGroup) -> None:
    group.publish(1)
    run = group.run(2)
    group.items.stage(items(2, "bcd"), held=["a"], message=run.items)
    group.others.stage(items(2, "abc"), message=run.others)
    group.stage_view(run)
    deliver(engine, run.items)
    assert group.ends(run) == [("warning", "scopes_held"), ("warning", "scopes_held"), SUCCESS]
    expected = items(1, "a") + items(2, "bcd")
    assert group.items.items() == expected
    assert group.others.items() == items(1, "a") + items(2, "bc") + items(1, "d")
    others = group.states(run)[1]
    assert (others["rows_read"], others["rows_staged"], others["rows_superseded"]) == (12, 8, 4)
    check_invariants(engine)


def test_a_member_that_is_left_with_nothing_to_publish_holds_the_group(
    engine: StagedEngine, group: StagedGroup
) -> None:
    group.publish(1)
    run = group.run(2)
    group.items.stage(items(2, "b"), held=["a"], message=run.items)
    group.others.stage(items(2, "a"), message=run.others)
    group.stage_view(run)
    deliver(engine, run.items)
    assert group.ends(run) == [("held", "scopes_held"), GROUP_HELD, GROUP_HELD]
    assert group.shown() == {"version 1"}
    check_invariants(engine)


def test_rows_that_a_restart_of_the_server_took_are_staged_again_before_anything_is_published(
    engine: StagedEngine, group: StagedGroup
) -> None:
    group.publish(1)
    run = group.staged(2)
    engine.sql(f"TRUNCATE refresh_staging.{run.others.task.staging_table}")
    deliver(engine, run.items)
    items_state, others_state, view_state = group.states(run)
    assert (items_state["phase"], items_state["lease_until"]) == ("staged", None)
    assert (view_state["phase"], view_state["lease_until"]) == ("staged", None)
    assert (others_state["phase"], others_state["slices_open"]) == ("loading", 1)
    owed = engine.sql(
        "SELECT payload ->> 'table' AS owed FROM refresh.refresh_outbox WHERE topic = 'refresh-generic'"
        " AND payload ->> 'run_id' = :run",
        run=str(run.items.run_id),
    )
    assert [row["owed"] for row in owed] == ["public.others"]
    assert group.shown() == {"version 1"}


def test_of_two_runs_the_newest_snapshot_wins_in_every_member_whichever_publishes_first(
    engine: StagedEngine, group: StagedGroup
) -> None:
    steps = ["publishing_claimed", "publish_fenced"]
    orders = sorted(set(itertools.permutations(["older", "newer"] * 3)))
    workers = {name: engine.another() for name in ("older", "newer")}
    for number, order in enumerate(orders):
        older, newer = group.staged(2 * number + 1), group.staged(2 * number + 2)
        walk = {
            "older": Stepper(workers["older"], older.items, steps),
            "newer": Stepper(workers["newer"], newer.others, steps),
        }
        for name in order:
            if walk[name].at is not None:
                walk[name].begin_to_advance()
                walk[name].wait_until_it_stands()
        for run in (older, newer):
            for message in left_open(engine, run):
                deliver(engine, message)
        assert group.shown() == {f"version {2 * number + 2}"}, order
        assert group.ends(newer) == [SUCCESS] * 3
        assert group.ends(older)[0] in (SUCCESS, ("skipped", "superseded"))
        assert group.ends(older)[0] == group.ends(older)[1]
    for worker in workers.values():
        worker.close()
    check_invariants(engine)


def test_a_newer_run_overtakes_half_a_group(engine: StagedEngine, group: StagedGroup) -> None:
    group.publish(1)
    older = group.run(2)
    group.items.stage(items(2), message=older.items)
    deliver(engine, older.items)
    group.publish(3)
    group.others.stage(items(2), message=older.others)
    group.stage_view(older)
    deliver(engine, older.others)
    assert group.ends(older)[:2] == [("skipped", "superseded")] * 2
    assert group.shown() == {"version 3"}
    check_invariants(engine)


def test_a_group_that_does_not_fit_into_the_time_fails_whole_and_says_so(
    engine: StagedEngine, group: StagedGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    group.publish(1)
    run = group.staged(2)
    slow = engine.another(publish_reserve=0.5)
    merge = Merge.run

    def late(self: Merge) -> Any:
        slow.clock.sleep(0.3)
        return merge(self)

    monkeypatch.setattr(Merge, "run", late)
    slow.deliver(run.items)
    slow.close()
    assert group.ends(run) == [("failed", "publish_too_large")] * 3
    assert "take tables out of the publish group" in group.states(run)[0]["error"]
    assert group.shown() == {"version 1"}
    check_invariants(engine)


def _order(engine: Engine, run: GroupRun) -> dict[str, Any]:
    return {
        "database_url": engine.database_url,
        "project": "p",
        "rest_url": "http://127.0.0.1:9",
        "grpc_address": "127.0.0.1:9",
        "dataset": "p.d",
        "run_id": str(run.items.run_id),
        "table": str(run.items.table),
    }
