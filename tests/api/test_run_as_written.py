"""The answer of a run is sent as Postgres writes it: here of every kind of run, task and slice.

`Api` holds each answer to its model: no key more or less, and values just as the other answers have them.
"""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest

from functions.api.routes.runs import MAX_SLICES
from functions.api.schemas.fields import RunMode, RunState, TablePhase, TaskState, Trigger
from functions.api.schemas.runs import RunTable, Slice, SliceState
from tests.api.conftest import Api

HOSTILE = "\"'\\\n\t\u0001</script> é😀 \u2028 2025-01-01T00:00:00+00:00"
WHOLE, FRACTION = "2025-01-02 03:04:05+01", "2025-01-02 03:04:05.1200+01"
WRITTEN = {None: None, WHOLE: "2025-01-02T02:04:05Z", FRACTION: "2025-01-02T02:04:05.120000Z"}
KINDS = list(product(get_args(RunMode.__value__), get_args(TaskState.__value__), get_args(TablePhase.__value__)))
NUMBERS = (
    *("attempt", "slices_total", "rows_read", "rows_staged", "rows_inserted", "rows_updated", "rows_deleted"),
    *("rows_unchanged", "rows_quarantined", "rows_superseded", "rows_merged", "bytes_billed"),
)
_TASK = f"""
    INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, mode, status, phase,
        not_before, publish_group, slices_open, slices_skipped, reason, error, details, bigquery_job_id, created_at,
        started_at, finished_at, {", ".join(NUMBERS)})
    SELECT run_id, 'public', 't' || number, 'generic', number, :mode, :status, :phase,
        'tomorrow', CASE number % 2 WHEN 0 THEN 'group' END, 1, 3, said, repeat(said, 100), :details, said, '{WHOLE}',
        '{FRACTION}',
        CASE WHEN :status NOT IN ('queued', 'running') THEN timestamptz '{FRACTION}' + interval '1.5 s' END,
        {", ".join(f"{1000 * place} + number" for place in range(1, len(NUMBERS) + 1))}
    FROM refresh.refresh_run, CAST(:number AS integer) AS number, CAST(:said AS text) AS said
"""
_SLICES = """
    INSERT INTO refresh.refresh_checkpoint (run_id, table_schema, table_name, slice_no, scope_values, status, job_id,
        rows_expected, source_rows_expected, rows_received, rows_read, rows_staged, rows_quarantined, bytes_billed,
        started_at)
    SELECT run_id, 'public', :name, n, CASE WHEN n > 0 THEN ARRAY['from ' || n, 'é"', 'to ' || n] ELSE '{}' END,
        (CAST(:states AS text[]))[1 + n % 3], 'job', n, n, n, n, n - n / 2, n / 2, n,
        timestamptz '2025-01-01' + n * interval '0.5 s'
    FROM refresh.refresh_run, generate_series(0, CAST(:last AS integer)) n ORDER BY n % 7
"""
_RUN = """
    UPDATE refresh.refresh_run SET trigger = :trigger, status = :status, requested_by = :by, request = :request,
        scheduled_for = CAST(:at AS timestamptz), snapshot_at = CAST(:at AS timestamptz),
        planned_at = CAST(:at AS timestamptz), created_at = '2025-01-01',
        finished_at = CASE WHEN :status <> 'running' THEN timestamptz '2025-01-02' END,
        replay_of = CASE WHEN :trigger = 'replay' THEN run_id END
"""
_PUBLISH = """
    INSERT INTO refresh.refresh_publish (run_id, table_schema, table_name, was_empty, rows_inserted, rows_updated,
        rows_deleted, key_columns, rolled_back_at, rolled_back_by, rollback_reason)
    SELECT run_id, 'public', :name, false, 1, 1, 1, '{id}', CAST(:at AS timestamptz), :by, :reason
    FROM refresh.refresh_run
"""


@pytest.fixture
def run_id(api: Api) -> str:
    """The only run, which is being planned."""
    api.plane.register("a")
    return str(api.trigger("a").get_json()["run_id"])


def forge(api: Api, sql: str, *rows: dict[str, Any]) -> None:
    """Write rows that the rules of runs lead to only by long ways, or never: the answer does not go by them."""
    with api.plane.store.transaction() as session:
        session.run("SET LOCAL session_replication_role = replica")
        session.run("ALTER TABLE refresh.refresh_task DROP CONSTRAINT IF EXISTS rows_are_conserved")
        for row in rows:
            session.run(sql, **row)


def task(number: int, mode: str, status: str, phase: str) -> dict[str, Any]:
    said = HOSTILE if status in ("held", "failed", "skipped") else None
    details = {"at": "2025-01-01T00:00:00+00:00", "share": 0.5}
    return {"number": number, "mode": mode, "status": status, "phase": phase, "said": said, "details": details}


def test_tasks_of_every_mode_state_and_phase(api: Api, run_id: str) -> None:
    forge(api, _TASK, *(task(number, *kind) for number, kind in enumerate(KINDS)))
    run = api.get(f"/api/refresh/runs/{run_id}")
    tables = run["tables"]
    assert run["cost"]["bytes_billed"] == sum(one["bytes_billed"] for one in tables)
    assert [(one["mode"], one["status"], one["phase"]) for one in tables] == KINDS, "in their order"
    assert any(one["waits_since"] for one in tables)
    for number, one in enumerate(tables):
        assert set(one) == set(RunTable.model_fields)
        assert [one[name] for name in NUMBERS] == [1000 * place + number for place in range(1, len(NUMBERS) + 1)]
        assert (one["slices_done"], one["scopes_unchanged"]) == (one["slices_total"] - 1, 3)
        assert (one["created_at"], one["started_at"]) == (WRITTEN[WHOLE], WRITTEN[FRACTION])
        assert one["details"] == {"at": "2025-01-01T00:00:00+00:00", "share": 0.5}
        is_open = one["status"] in ("queued", "running")
        assert one["finished_at"] == (None if is_open else "2025-01-02T02:04:06.620000Z")
        assert (one["duration_ms"] > 1500, one["not_before"] is not None) == (is_open, is_open)
        told = one["status"] in ("held", "failed", "skipped")
        assert (one["error"], one["reason"]) == (((HOSTILE * 100)[:4000], HOSTILE) if told else (None, None))


def test_runs_of_every_trigger_and_state(api: Api, run_id: str) -> None:
    for trigger, status, at in product(get_args(Trigger.__value__), get_args(RunState.__value__), WRITTEN):
        request = {"backfill": {"from": "2025-01-01"}} if at else {}
        forge(api, _RUN, {"trigger": trigger, "status": status, "by": HOSTILE, "request": request, "at": at})
        run = api.get(f"/api/refresh/runs/{run_id}")
        assert (run["trigger"], run["status"], run["requested_by"], run["tables"]) == (trigger, status, HOSTILE, [])
        assert run["scheduled_for"] == run["snapshot_at"] == run["planned_at"] == WRITTEN[at]
        assert run["replayed_by"] == ([run_id] if trigger == "replay" else [])
        assert (run["request"], run["cost"]) == (request, {"bytes_billed": 0, "usd": 0})


def test_the_first_slices_of_each_table_in_their_order(api: Api, run_id: str) -> None:
    states = list(get_args(SliceState.__value__))
    given = {"t0": MAX_SLICES + 100, "t1": MAX_SLICES - 1, "t2": 1}
    forge(api, _TASK, *(task(number, "live", "running", "loading") for number in range(4)))
    forge(api, _SLICES, *({"name": name, "states": states, "last": last} for name, last in given.items()))
    tables = {one["table"]: one["slices"] for one in api.get(f"/api/refresh/runs/{run_id}")["tables"]}
    assert {table: [one["slice_no"] for one in listed] for table, listed in tables.items()} == {
        "public.t0": list(range(MAX_SLICES)),
        "public.t1": list(range(MAX_SLICES)),
        "public.t2": [0, 1],
        "public.t3": [],
    }
    first, second, *_ = tables["public.t0"]
    assert set(first) == set(Slice.model_fields)
    assert (first["scopes"], first["scope_from"], first["scope_to"]) == (0, None, None)
    assert (second["scopes"], second["scope_from"], second["scope_to"]) == (3, "from 1", "to 1")
    assert (first["started_at"], second["started_at"]) == ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00.500000Z")
    assert (second["status"], second["rows_received"], second["finished_at"]) == (states[1], 1, None)


def test_what_was_taken_back_says_by_whom(api: Api, run_id: str) -> None:
    told = [(None, None, None), (WHOLE, "ann", None), (FRACTION, HOSTILE, HOSTILE)]
    forge(api, _TASK, *(task(number, "live", "success", "publishing") for number in range(len(told))))
    published = enumerate(told)
    forge(api, _PUBLISH, *({"name": f"t{n}", "at": at, "by": by, "reason": why} for n, (at, by, why) in published))
    assert [one["rolled_back"] for one in api.get(f"/api/refresh/runs/{run_id}")["tables"]] == [
        None,
        {"run_id": run_id, "at": WRITTEN[WHOLE], "by": "ann", "reason": None},
        {"run_id": run_id, "at": WRITTEN[FRACTION], "by": HOSTILE, "reason": HOSTILE},
    ]
