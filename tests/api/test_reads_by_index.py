"""Reads stay quick however long the system runs: none of them walks through a table that grows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.local.postgres import Postgres
from shared import wiring
from shared.adapters.postgres import PostgresStore
from shared.ports import Row, Store
from tests.bench.api import GROWING, MORNING, calls, hold_all, reading, seed

_COUNTS = """
    SELECT regexp_replace(relname, '^refresh_audit_log_.*', 'refresh_audit_log') AS relation,
        sum({what})::bigint AS rows
    FROM pg_stat_user_tables WHERE schemaname = 'refresh' GROUP BY 1
"""
_MONTH = """
    INSERT INTO refresh.refresh_audit_log (at, run_id, table_schema, table_name, event, status, details)
    SELECT now(), gen_random_uuid(), 'bench', 'table_' || i % 100, 'task_success', 'success', '{"phase": "publishing"}'
    FROM generate_series(1, 5000) AS i
"""
"""As much as a month has in its middle: on its first day it is a few pages, which are rightly read through."""
TABLES = 100


@pytest.fixture(scope="module")
def year_url(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """A year of a hundred tables."""
    name = "year_of_history"
    url = postgres.ensure_database(name, template=migrated_template)
    seed(url, tables=TABLES)
    store = PostgresStore(url)
    rows(store, _MONTH)
    rows(store, "ANALYZE refresh.refresh_audit_log")
    store.close()
    yield url
    postgres.drop_database(name)


def test_no_read_walks_through_a_table_that_grows(year_url: str) -> None:
    walked: dict[str, set[str]] = {}
    with reading(year_url) as read:
        for what, path in calls(tables=TABLES).items():
            before = scans(wiring.store())
            for _ in range(2):  # the first time the figures of past days are made
                read(path)
            after = scans(wiring.store())
            found = {table for table in GROWING if after[table] > before[table]}
            if found:
                walked[what] = found
    assert walked == {}


def test_a_walk_is_seen(year_url: str) -> None:
    store = PostgresStore(year_url)
    before = scans(store)
    rows(store, "SELECT max(details::text) FROM refresh.refresh_audit_log")
    after = scans(store)
    store.close()
    assert {table for table in GROWING if after[table] > before[table]} == {"refresh_audit_log"}


def test_what_is_wrong_with_every_table_costs_some_rows_of_each(year_url: str) -> None:
    hold_all(year_url)
    with reading(year_url) as read:
        for what in MORNING:
            read(calls()[what])  # the first time the figures of past days are made
            before = fetched(wiring.store())
            read(calls()[what])
            after = fetched(wiring.store())
            assert {t: n for t in GROWING if (n := after[t] - before[t]) > 12 * TABLES} == {}, what


def test_costs_of_days_that_are_over_are_read_without_their_jobs(year_url: str) -> None:
    costs = calls()["costs of a month"], calls()["costs of a month that is over"]
    with reading(year_url) as read:
        (row,) = rows(
            wiring.store(),
            "SELECT count(*)::int AS jobs FROM refresh.refresh_job_cost"
            " WHERE started_at >= refresh.first_open_day()::timestamp AT TIME ZONE 'UTC'",
        )
        for path, jobs in zip(costs, (row["jobs"], 0), strict=True):
            read(path)
            before = fetched(wiring.store())["refresh_job_cost"]
            read(path)
            found = fetched(wiring.store())["refresh_job_cost"] - before
            assert found <= jobs + 10, f"{path}: the planner looks at the ends of an index"


def scans(store: Store) -> dict[str, int]:
    """How many rows of each table were read by walking through it so far; the store's one connection tells its own."""
    return _counted(store, "seq_tup_read")


def fetched(store: Store) -> dict[str, int]:
    """How many rows of each table were found by an index so far."""
    return _counted(store, "idx_tup_fetch")


def _counted(store: Store, what: str) -> dict[str, int]:
    rows(store, "SELECT pg_stat_force_next_flush()")
    return {row["relation"]: row["rows"] for row in rows(store, _COUNTS.format(what=what))}


def rows(store: Store, sql: str) -> list[Row]:
    with store.transaction() as session:
        return session.run(sql)
