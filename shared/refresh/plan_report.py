"""A plan's end: what changed is reported, with what reading it would cost, and nothing is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from shared.domain.definition import Definition
from shared.domain.ids import TaskId, slice_job_id
from shared.domain.states import ScopeAction, TaskStatus
from shared.planning.outcome import Tally, outcome
from shared.planning.scopes import PlannedScope
from shared.planning.slices import PlannedSlice
from shared.planning.source_query import slice_query
from shared.ports import QueryJob, Session
from shared.refresh.claim import task_parameters
from shared.refresh.jobs import labels
from shared.refresh.runtime import Budget, Runtime
from shared.sql import statement

ESTIMATED_SLICES = 20
"""Slices that BigQuery is asked about; further ones are taken to be like them."""


def estimate_bytes(
    runtime: Runtime,
    task: TaskId,
    definition: Definition,
    slices: Sequence[PlannedSlice],
    *,
    relation: str,
    snapshot_at: datetime | None,
    budget: Budget,
) -> int | None:
    """Bytes that reading the slices would bill; None where BigQuery does not say."""
    asked = slices[:ESTIMATED_SLICES]
    total = 0
    for one in asked:
        budget.check()
        query = slice_query(definition, relation=relation, snapshot_at=snapshot_at, scopes=one.scopes)
        job = QueryJob(
            job_id=slice_job_id(task, one.number, 0),
            sql=query.sql,
            parameters=query.parameters,
            labels=labels(task, "estimate"),
        )
        found = runtime.source.estimate(job)
        if found is None:
            return None
        total += found
    return total * len(slices) // len(asked) if asked else 0


def end_plan(session: Session, task: TaskId, scopes: Sequence[PlannedScope], bytes_estimated: int | None) -> TaskStatus:
    """Store the report, and end the task as a refresh would, as far as a plan can tell."""
    key = task_parameters(task)
    session.run(statement("insert_planned_diff"), **key)
    (checks,) = session.run(statement("failed_checks"), **key)
    actions = [scope.action for scope in scopes]
    found = Tally(
        scopes_written=actions.count(ScopeAction.CHANGED) + actions.count(ScopeAction.VANISHED),
        scopes_held=actions.count(ScopeAction.HELD),
        scopes_superseded=0,
        rows_quarantined=0,
        rows_quarantined_before=session.run(statement("quarantined_before"), **key)[0]["rows"],
        rows_refused=0,
        checks_warned=checks["warned"],
    )
    status, reason = outcome(found)
    session.run(
        statement("finish_task"),
        **key,
        status=str(status),
        reason=reason,
        error=checks["held"],
        superseded=0,
        inserted=0,
        updated=0,
        deleted=0,
        unchanged=0,
        details=json.dumps(vars(found) | {"bytes_estimated": bytes_estimated}),
    )
    return status
