"""A verification's task: source and target are compared at the snapshot of the last scan, and nothing is changed.

The target is read as one snapshot shows it, before BigQuery is asked, so that a publish meanwhile disturbs nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.definition import Definition
from shared.domain.errors import PermanentError, StatementTimeout
from shared.domain.ids import plan_job_id
from shared.domain.states import TaskStatus
from shared.planning.verification import LastScan, Verdict, compare, described, source_figures, target_figures
from shared.ports import QueryJob, Row
from shared.refresh.claim import TaskClaim, task_parameters
from shared.refresh.fence import fenced
from shared.refresh.jobs import first_that_lasts, labels, run_job, source_relation
from shared.refresh.runtime import Budget, Runtime
from shared.sql import statement

NOT_EQUAL = "not_equal"
NOT_COMPARABLE = "not_comparable"
_READ_ONLY = "repeatable read read only"


@dataclass(frozen=True, kw_only=True)
class _Target:
    """The table as it stands, and what it claims to be."""

    scan: LastScan
    rows: list[Row]


def verify(runtime: Runtime, claim: TaskClaim, definition: Definition, task: Row, budget: Budget) -> None:
    """Compare, record the outcome, and end the task: success, or warning where something is not equal."""
    if not definition.source_is_table and definition.source_sql is None:
        _end(runtime, claim, None, why="its source is a view, which cannot be read as it was at the last refresh")
        return
    target = _read_target(runtime, claim, definition, budget)
    if target is None:
        _end(runtime, claim, None, why="it has not been refreshed yet")
        return
    runtime.steps.reached("target_read")
    source = _read_source(runtime, claim, definition, target.scan.snapshot_at, budget)
    runtime.steps.reached("source_read")
    verdict = compare(definition, source, target.rows, target.scan)
    _end(runtime, claim, verdict, snapshot_at=target.scan.snapshot_at)


def _read_target(runtime: Runtime, claim: TaskClaim, definition: Definition, budget: Budget) -> _Target | None:
    """None where nothing was published yet."""
    key = task_parameters(claim.task)
    try:
        with runtime.store.transaction(isolation=_READ_ONLY, statement_timeout=budget.remaining()) as session:
            (scan,) = session.run(statement("last_scan"), schema=key["schema"], name=key["name"])
            if scan["snapshot_at"] is None:
                return None
            rows = session.run(target_figures(definition))
    except StatementTimeout as error:
        raise PermanentError(
            f"{definition.table}: reading the table took longer than a message may; raise REFRESH_TIME_BUDGET_SECONDS",
            reason="verification_too_large",
        ) from error
    return _Target(
        scan=LastScan(
            snapshot_at=scan["snapshot_at"],
            scan_from=scan["scan_from"],
            older=frozenset(scan["older"]),
            held=frozenset(scan["held"]),
            quarantined={one["scope"]: one["rows"] for one in scan["quarantined"]},
        ),
        rows=rows,
    )


def _read_source(
    runtime: Runtime, claim: TaskClaim, definition: Definition, snapshot_at: datetime, budget: Budget
) -> list[Row]:
    relation, at = source_relation(runtime, claim, definition, snapshot_at, budget)
    query = source_figures(definition, relation=relation, snapshot_at=at)

    def ask(generation: int) -> list[Row]:
        job = QueryJob(
            job_id=plan_job_id(claim.task, generation),
            sql=query.sql,
            parameters=query.parameters,
            max_bytes_billed=definition.max_bytes_billed,
            labels=labels(claim.task, "verify"),
        )
        return runtime.source.fetch(run_job(runtime, claim.task, definition, job, budget))

    return first_that_lasts(claim, ask, what="verify")


def _end(
    runtime: Runtime,
    claim: TaskClaim,
    verdict: Verdict | None,
    *,
    snapshot_at: datetime | None = None,
    why: str | None = None,
) -> None:
    key = task_parameters(claim.task)
    with fenced(runtime, claim) as session:
        if verdict is not None:
            session.run(statement("insert_data_quality"), **key, outcomes=json.dumps(_outcomes(verdict)))
        status, reason, error = _outcome(claim, verdict, why)
        details = {} if verdict is None else {"verified": _details(verdict, snapshot_at)}
        session.run(
            statement("end_task"),
            **key,
            status=str(status),
            reason=reason,
            error=error,
            details=json.dumps(details),
        )
        runtime.steps.reached("verification_recorded")
    runtime.steps.reached("verification_committed")


def _outcome(claim: TaskClaim, verdict: Verdict | None, why: str | None) -> tuple[TaskStatus, str | None, str | None]:
    if verdict is None:
        return TaskStatus.NO_NEW_DATA, NOT_COMPARABLE, f"{claim.task.table} cannot be compared: {why}"
    if not verdict.differences:
        return TaskStatus.SUCCESS, None, None
    shown = "; ".join(
        f"{'all rows' if one.scope is None else one.scope}: {one.target_rows} rows of {one.source_rows}"
        + (f", differing in {', '.join(one.columns)}" if one.columns else "")
        for one in verdict.differences[:5]
    )
    error = f"{claim.task.table} is not equal to its source in {len(verdict.differences)} scope(s): {shown}"
    return TaskStatus.WARNING, NOT_EQUAL, error


def _details(verdict: Verdict, snapshot_at: datetime | None) -> dict[str, Any]:
    return {
        "snapshot_at": None if snapshot_at is None else snapshot_at.isoformat(),
        "scopes": verdict.compared,
        "scopes_left_out": verdict.left_out,
        "scopes_not_equal": len(verdict.differences),
        "rows": verdict.rows,
        "differences": described(verdict),
    }


def _outcomes(verdict: Verdict) -> list[dict[str, Any]]:
    """One line for the table, and one for each scope value that differs."""
    whole = {
        "scope": None,
        "metric": "verified_table",
        "value": len(verdict.differences),
        "threshold": 0,
        "outcome": "warn",
        "passed": not verdict.differences,
        "details": {"scopes": verdict.compared, "scopes_left_out": verdict.left_out, "rows": verdict.rows},
    }
    return [whole] + [
        {
            "scope": one["scope"],
            "metric": "verified_scope",
            "value": len(one["columns"]),
            "threshold": 0,
            "outcome": "warn",
            "passed": False,
            "details": {name: value for name, value in one.items() if name != "scope"},
        }
        for one in described(verdict)
    ]
