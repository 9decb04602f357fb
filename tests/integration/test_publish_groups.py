"""Publish groups as they are configured, planned, watched over by the orchestrator and shown."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from shared.domain.errors import StoreRefused
from shared.sql import statement
from tests.support.control_plane import ControlPlane
from tests.support.grouped import StagedGroup, items
from tests.support.staged import StagedEngine


@pytest.fixture
def plane(migrated_url: str) -> Iterator[ControlPlane]:
    plane = ControlPlane(migrated_url)
    plane.run("DELETE FROM refresh.refresh_table_registry")
    yield plane
    plane.store.close()


def stage(plane: ControlPlane, name: str) -> None:
    """What the last slice of a table does."""
    plane.change(name, "status = 'running', phase = 'staged', lease_until = NULL")


def publish(plane: ControlPlane, *names: str) -> None:
    """What publishes a group, of which all are staged."""
    for name in names:
        plane.finish(name)


def groups(plane: ControlPlane) -> dict[str, str | None]:
    rows = plane.run("SELECT table_name, publish_group FROM refresh.refresh_task ORDER BY 1")
    return {row["table_name"]: row["publish_group"] for row in rows}


def test_a_group_is_planned_whole_as_soon_as_one_of_its_tables_is_due(plane: ControlPlane) -> None:
    plane.register("a", "b", publish_group="g")
    plane.register("alone", "late")
    plane.run(
        "UPDATE refresh.refresh_table_registry SET next_refresh_at = timestamptz '2025-07-01 00:00Z'"
        " WHERE table_name IN ('b', 'late')"
    )
    plane.daily()
    assert groups(plane) == {"a": "g", "alone": None, "b": "g"}


def test_who_asks_for_one_table_gets_its_group_without_those_that_are_switched_off(plane: ControlPlane) -> None:
    plane.register("a", "b", publish_group="g")
    plane.register("off", publish_group="g", mode="disabled")
    plane.register("alone")
    plane.request("a")
    plane.deliver_owed()
    assert groups(plane) == {"a": "g", "b": "g"}


def test_a_backfill_is_of_its_table_alone_and_waits_for_nobody(plane: ControlPlane) -> None:
    plane.register("a", "b", publish_group="g")
    plane.run("ALTER TABLE public.a ADD COLUMN day date")
    plane.run("UPDATE refresh.refresh_table_registry SET scope_column = 'day' WHERE table_name = 'a'")
    plane.run("SELECT refresh.request_backfill('public.a', '2025-01-01', '2025-02-01')")
    plane.deliver_owed()
    assert groups(plane) == {"a": None}


def test_a_table_that_is_switched_off_does_not_hold_its_group(plane: ControlPlane) -> None:
    plane.register("a", publish_group="g")
    plane.register("off", publish_group="g", mode="disabled")
    plane.request("a", "off")
    plane.deliver_owed()
    assert groups(plane) == {"a": "g", "off": None}
    assert plane.tasks() == {"a": "queued", "off": "skipped disabled"}


def test_the_view_starts_when_its_inputs_are_staged_and_what_is_outside_when_all_is_published(
    plane: ControlPlane,
) -> None:
    plane.register("a", "b", "view", publish_group="g")
    plane.register("outside")
    plane.depend("view", "a", "b")
    plane.depend("outside", "a")
    plane.daily()
    plane.deliver_owed()
    assert plane.bus.tables() == ["public.a", "public.b"]
    stage(plane, "a")
    plane.deliver_owed()
    assert plane.bus.tables() == ["public.a", "public.b"]
    stage(plane, "b")
    plane.deliver_owed()
    assert plane.bus.tables() == ["public.a", "public.b", "public.view"]
    publish(plane, "a", "b", "view")
    plane.deliver_owed()
    assert plane.bus.tables()[3:] == ["public.outside"]


@pytest.mark.parametrize("end", ["held", "failed", "skipped"])
def test_a_bad_end_of_one_member_ends_the_others_and_skips_what_depends_on_them(plane: ControlPlane, end: str) -> None:
    plane.register("a", "b", "busy", "view", publish_group="g")
    plane.register("outside")
    plane.depend("view", "b")
    plane.depend("outside", "view")
    plane.daily()
    plane.deliver_owed()
    stage(plane, "a")
    plane.claim("busy")
    plane.finish("b", end)
    plane.deliver_owed()
    assert plane.tasks() == {
        "a": "held group_held",
        "b": f"{end} test",
        "busy": "held group_held",
        "outside": "skipped input_failed: public.view",
        "view": "held group_held",
    }
    (row,) = plane.run("SELECT error, details FROM refresh.refresh_task WHERE table_name = 'a'")
    assert row["error"].startswith(f"public.b is {end}")
    assert row["details"]["group_held_by"] == "public.b"
    (run,) = plane.run("SELECT status FROM refresh.refresh_run")
    assert run["status"] == ("failed" if end == "failed" else "warning")


def test_the_sweep_hands_on_a_group_that_is_complete_and_no_other(plane: ControlPlane) -> None:
    plane.register("a", "b", publish_group="g")
    plane.daily()
    plane.deliver_owed()
    stage(plane, "a")
    plane.claim("b")
    plane.run("UPDATE refresh.refresh_task SET owed_at = now() - interval '20 minutes'")
    assert plane.swept() == []
    stage(plane, "b")
    assert plane.swept() == []
    plane.run("UPDATE refresh.refresh_task SET staged_at = staged_at - interval '1 minute'")
    assert plane.swept() == ["public.a", "public.b"]
    assert plane.swept() == []


def test_a_killed_publisher_s_group_is_handed_on_when_its_lease_ends(plane: ControlPlane) -> None:
    plane.register("a", "b", publish_group="g")
    plane.daily()
    plane.deliver_owed()
    for name in ("a", "b"):
        stage(plane, name)
        plane.change(name, "phase = 'publishing', lease_until = now() + interval '1 minute'")
    assert plane.swept() == []
    plane.run("UPDATE refresh.refresh_task SET lease_until = now() - interval '1 s', owed_at = now() - interval '2 s'")
    assert plane.swept() == ["public.a", "public.b"]


def test_names_are_checked_where_they_are_written(plane: ControlPlane) -> None:
    plane.register("a")
    for wrong in ("", "Shop", "1st", "a-b", "x" * 64):
        with pytest.raises(StoreRefused, match="publish_group is"):
            plane.run("UPDATE refresh.refresh_table_registry SET publish_group = :wrong", wrong=wrong)
    plane.run("SELECT refresh.register_table('public', 'a', 'p.d.t', publish_group => 'shop_1')")
    (row,) = plane.run("SELECT publish_group, config_version FROM refresh.refresh_table_registry")
    assert (row["publish_group"], row["config_version"]) == ("shop_1", 2)


def test_a_way_out_of_the_group_and_back_is_refused_from_both_sides(plane: ControlPlane) -> None:
    plane.register("a", "b", publish_group="g")
    plane.register("between")
    plane.depend("between", "a")
    with pytest.raises(StoreRefused, match="publish group g would wait for itself"):
        plane.depend("b", "between")
    plane.run("UPDATE refresh.refresh_table_registry SET publish_group = NULL WHERE table_name = 'b'")
    plane.depend("b", "between")
    with pytest.raises(StoreRefused, match="publish group g would wait for itself"):
        plane.run("UPDATE refresh.refresh_table_registry SET publish_group = 'g' WHERE table_name = 'b'")
    plane.run("UPDATE refresh.refresh_table_registry SET publish_group = 'g'")


def test_two_groups_that_wait_for_each_other_are_refused(plane: ControlPlane) -> None:
    plane.register("a", "b", publish_group="g")
    plane.register("c", "d", publish_group="h")
    plane.depend("c", "a")
    with pytest.raises(StoreRefused, match="publish group g, h would wait"):
        plane.depend("b", "d")


def test_a_run_shows_what_a_staged_table_waits_for(migrated_url: str) -> None:
    engine = StagedEngine(migrated_url)
    group = StagedGroup(engine)
    run = group.run(1)
    group.items.stage(items(1), message=run.items)
    engine.deliver(run.items)
    (row,) = engine.sql(statement("read_run"), run_id=run.items.run_id, only=None, usd_per_tib=6.25, max_slices=10)
    tables = {table["table"]: table for table in json.loads(row["document"])["tables"]}
    engine.close()
    assert tables["public.items"]["waits_for"] == ["public.others", "public.totals"]
    assert tables["public.others"]["waits_for"] is None
    assert tables["public.totals"]["waits_for"] == ["public.others"], "inside of a group staged inputs are enough"
    since = {name: table["waits_since"] for name, table in tables.items()}
    assert since["public.others"] is None
    assert since["public.totals"] == tables["public.totals"]["created_at"]
    assert since["public.items"] > since["public.totals"]
    assert {table["publish_group"] for table in tables.values()} == {"shop"}
