"""The daily refresh from Scheduler's message to Postgres: two days of the sample on both Pub/Sub variants."""

from __future__ import annotations

import pg8000.native
import pytest

from infra.local.demo.control_plane import ControlPlane
from infra.local.demo.day import check_moved
from infra.local.sample.load import apply_day_two
from infra.local.sample.verify import verify_sample
from infra.local.sample_data import load_sample
from infra.local.stack import PROJECT
from shared.adapters.database_url import connection_arguments
from shared.ports import Row
from tests.e2e.system import System

_ROWS = 2_400
_FIRST_DAY = "2025-06-02T06:00:00Z"
_SECOND_DAY = "2025-06-03T06:00:00Z"
_SEED = 20_250_602


def assert_published(tasks: dict[str, Row]) -> None:
    """Every table has been published, if need be with the remark that the data look odd, as some of the sample's do."""
    outcomes = {(task["status"], task["reason"]) for task in tasks.values()}
    assert outcomes <= {("success", None), ("warning", "checks_warned")}


def assert_equal_to_the_source(system: System, run_id: object) -> None:
    (run,) = system.sql("SELECT snapshot_at FROM refresh.refresh_run WHERE run_id = :run", run=run_id)
    connection = pg8000.native.Connection(**connection_arguments(system.stack.postgres.url))
    comparisons = verify_sample(
        system.client,
        system.stack.bigquery.storage_client(),
        connection,
        project=PROJECT,
        snapshot_at=run["snapshot_at"],
    )
    connection.close()
    assert [one for one in comparisons if not one.equal] == []
    filled = {one.table.partition(".")[2] for one in comparisons if one.rows}
    assert filled >= {"asin_performance_data", "search_query_performance", "search_query_market", "products"}


def assert_each_ended_once(system: System) -> None:
    """Nothing is left open or staged, and each task has one event."""
    assert system.sql("SELECT FROM refresh.refresh_task WHERE finished_at IS NULL") == []
    assert system.sql("SELECT FROM pg_tables WHERE schemaname = 'refresh_staging'") == []
    events = (
        "SELECT t.run_id, t.table_name, count(o.outbox_id) AS events FROM refresh.refresh_task t"
        " LEFT JOIN refresh.refresh_outbox o ON o.topic = 'refresh-events' AND o.payload ->> 'run_id' = t.run_id::text"
        " AND o.payload ->> 'table' = t.table_schema || '.' || t.table_name GROUP BY 1, 2, t.table_schema"
        " HAVING count(o.outbox_id) <> 1"
    )
    assert system.sql(events) == []


def two_days(system: System, *, killed: bool) -> None:
    load_sample(system.client, system.stack.postgres.url, PROJECT, rows=_ROWS)
    if killed:
        with system.killed_at_random(_SEED) as hit:
            run = system.daily(_FIRST_DAY)
            tasks = system.ended(run)
        print(f"seed {_SEED}: killed {', '.join(hit)}")
        assert len(hit) >= 3
    else:
        run = system.daily(_FIRST_DAY)
        tasks = system.ended(run)
    assert_published(tasks)
    assert_equal_to_the_source(system, run)
    assert system.daily(_FIRST_DAY) == run

    changes = apply_day_two(system.client, PROJECT, _ROWS)
    run = system.daily(_SECOND_DAY)
    tasks = system.ended(run)
    assert_published(tasks)
    assert_equal_to_the_source(system, run)
    with ControlPlane(system.stack.postgres.url) as control:
        moved = check_moved(control, run, changes)
    assert moved
    for one in moved:
        assert one.as_expected
        assert one.scopes
        assert one.unchanged

    run = system.manual("sqp.asin_performance_data", "sqp.weekly_summary")
    tasks = system.ended(run)
    assert {task["status"] for task in tasks.values()} == {"no_new_data"}
    assert_each_ended_once(system)


@pytest.mark.timeout(400)
def test_two_days_while_serving_processes_are_killed(system: System) -> None:
    two_days(system, killed=True)


@pytest.mark.timeout(400)
def test_two_days_on_googles_emulator_of_pubsub(official_system: System) -> None:
    two_days(official_system, killed=False)
