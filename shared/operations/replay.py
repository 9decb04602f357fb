"""Do again what of a run has not come to its end as wanted: at the run's snapshot where that still makes sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from shared.domain.errors import InvalidRegistration, PermanentError, RefreshError, ResultLost, StillRunning
from shared.domain.ids import RunId
from shared.domain.quoting import bigquery_table
from shared.domain.states import Mode
from shared.operations.requests import Asking, NothingToRefresh, check_tables, find, insert_run
from shared.planning.named_sql import named_sql, tables_read
from shared.ports import QueryJob, QueryParameter, Row, Source, Store
from shared.sql import statement

_SOURCES_A_QUERY = 200
_TIMEOUT_SECONDS = 20.0


class RunUnknown(RefreshError):
    """There is no such run."""


class RunOpen(RefreshError):
    """The run has not ended."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """The new run. `snapshot_at` None: it takes a snapshot of its own, for the reason that `why` gives."""

    run_id: RunId
    tables: tuple[str, ...]
    snapshot_at: datetime | None
    why: str


def replay_run(store: Store, source: Source, asking: Asking, run_id: UUID) -> Replay:
    """Make a run of the tables of `run_id` that failed, were held or skipped.

    Raises RunUnknown, RunOpen, NothingToRefresh, KeyReused, TablesDisabled, ModeNotAllowed, TablesBusy, and RetryLater
    when BigQuery cannot be asked.
    """
    with store.transaction() as session:
        found = find(session, asking)
        if found is not None:
            return _as_made(found)
        runs = session.run(statement("run_to_replay"), run_id=run_id)
        rows = session.run(statement("tables_to_replay"), run_id=run_id)
    if not runs:
        raise RunUnknown(f"there is no run {run_id}")
    if runs[0]["status"] == "running":
        raise RunOpen(f"run {run_id} has not ended")
    if not rows:
        raise NothingToRefresh(f"no table of run {run_id} failed, was held or skipped")
    snapshot_at, why = _snapshot(source, rows, runs[0]["snapshot_at"])
    mode = Mode(runs[0]["mode"]) if runs[0]["mode"] else None
    request: dict[str, Any] = {"tables": [row["table"] for row in rows], "why": why}
    request |= {} if mode is None else {"mode": str(mode)}
    if snapshot_at is not None:
        request["snapshot_at"] = snapshot_at.isoformat()
    with store.transaction() as session:
        session.run(statement("lock_requests"))
        found = find(session, asking)
        if found is not None:
            return _as_made(found)
        check_tables(session, request["tables"], force=True, mode=mode)
        made = insert_run(session, asking, trigger="replay", request=request, replay_of=run_id)
    return Replay(run_id=made, tables=tuple(request["tables"]), snapshot_at=snapshot_at, why=why)


def _as_made(row: Row) -> Replay:
    request = row["request"]
    wanted = request.get("snapshot_at")
    return Replay(
        run_id=RunId(row["run_id"]),
        tables=tuple(request["tables"]),
        snapshot_at=datetime.fromisoformat(wanted) if wanted else None,
        why=request["why"],
    )


def _snapshot(source: Source, rows: Sequence[Row], snapshot_at: datetime | None) -> tuple[datetime | None, str]:
    """The run's snapshot if it can be used again; why, or why not."""
    if snapshot_at is None:
        return None, "the run had no snapshot"
    superseded = [row["table"] for row in rows if row["superseded"]]
    if superseded:
        return None, f"newer data was published since, of {', '.join(superseded[:10])}"
    try:
        sources = sorted({table for row in rows if row["handler"] != "summaries" for table in _tables(row)})
    except InvalidRegistration as error:
        return None, str(error)
    for start in range(0, len(sources), _SOURCES_A_QUERY):
        if not _readable(source, sources[start : start + _SOURCES_A_QUERY], snapshot_at):
            return None, "the source can no longer be read as it was then"
    return snapshot_at, "the source can still be read as it was then, and nothing newer was published"


def _tables(row: Row) -> tuple[str, ...]:
    name = named_sql(row["source"])
    return (row["source"],) if name is None else tables_read(name, row["source_sql"])


def _readable(source: Source, sources: Sequence[str], snapshot_at: datetime) -> bool:
    """Whether all can be read as of then. No column is read, so BigQuery bills nothing."""
    selects = [f"(SELECT 1 FROM {bigquery_table(one)} FOR SYSTEM_TIME AS OF @snapshot_at LIMIT 1)" for one in sources]
    job = QueryJob(
        job_id=f"refresh_readable_{uuid4().hex}",
        sql="\nUNION ALL ".join(selects),
        parameters=(QueryParameter(name="snapshot_at", type="TIMESTAMP", value=snapshot_at),),
        labels={"refresh_step": "readable"},
    )
    try:
        source.run(job, timeout=_TIMEOUT_SECONDS)
    except (PermanentError, ResultLost, StillRunning):
        return False
    return True
