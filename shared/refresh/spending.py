"""The cost governor: what jobs may bill is reserved before they start, and settled when they have ended.

Reservations are made one at a time, so two runs at once never spend the same rest of a day. They go by BigQuery's own
estimate, which is exact or an upper bound; where it gives none, by what the last such job billed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from shared.domain.definition import Definition
from shared.domain.ids import TaskId
from shared.planning.costs import MINIMUM_BYTES, Caps, billed
from shared.ports import QueryJob, Row, Session
from shared.refresh.claim import task_parameters
from shared.refresh.runtime import Runtime
from shared.sql import statement

ESTIMATED_JOBS = 20
"""Jobs of one reservation that BigQuery is asked about; further ones are taken to be like them."""


def caps_of(runtime: Runtime, definition: Definition) -> Caps:
    """What jobs of the table may bill."""
    return Caps(
        query=definition.max_bytes_billed,
        table_per_day=definition.max_bytes_billed_per_day,
        all_per_day=runtime.limits.max_bytes_billed_per_day,
    )


def reserve(runtime: Runtime, task: TaskId, definition: Definition, jobs: Sequence[QueryJob]) -> None:
    """Reserve what the jobs may bill, all or none; those that are reserved already stay so. Held when it is too much.

    Without a cap nothing is asked and nothing reserved.
    """
    caps = caps_of(runtime, definition)
    if caps == Caps():
        return
    with runtime.store.transaction() as session:
        rows = session.run(statement("jobs_reserved"), job_ids=[job.job_id for job in jobs])
    reserved = {row["job_id"] for row in rows}
    new = [job for job in jobs if job.job_id not in reserved]
    if not new:
        return
    bytes_each = _estimates(runtime, task, caps, new)
    if caps.daily:
        with runtime.store.transaction() as session:
            session.run(statement("lock_spending"))
            spent = _spent(session, task)
            caps.check_day(str(task.table), sum(bytes_each), runtime.limits.usd_per_tib, **spent)
            _insert(session, task, new, bytes_each)
        runtime.steps.reached("bytes_reserved")


def capped(runtime: Runtime, task: TaskId, definition: Definition, job: QueryJob) -> QueryJob:
    """The reserved job, with a cap that BigQuery itself keeps: what is left of the day, whatever was estimated."""
    caps = caps_of(runtime, definition)
    if not caps.daily:
        return job
    with runtime.store.transaction() as session:
        left = caps.left(**_spent(session, task, but=job.job_id))
    own = job.max_bytes_billed
    return replace(job, max_bytes_billed=max(1, min(one for one in (own, left) if one is not None)))


def settle(runtime: Runtime, task: TaskId, job: QueryJob, bytes_billed: int) -> None:
    """Note what the job has billed: nothing, when it failed."""
    with runtime.store.transaction() as session:
        session.run(
            statement("settle_job"),
            **task_parameters(task),
            job_id=job.job_id,
            step=_step(job),
            bytes=bytes_billed,
            usd_per_tib=runtime.limits.usd_per_tib,
        )


def _estimates(runtime: Runtime, task: TaskId, caps: Caps, jobs: Sequence[QueryJob]) -> list[int]:
    found = [_estimate(runtime, task, caps, job) for job in jobs[:ESTIMATED_JOBS]]
    return found + [sum(found) // len(found)] * (len(jobs) - len(found))


def _estimate(runtime: Runtime, task: TaskId, caps: Caps, job: QueryJob) -> int:
    processed = runtime.source.estimate(job)
    if processed is not None:
        caps.check_query(str(task.table), billed(processed), runtime.limits.usd_per_tib)
        return billed(processed)
    key = {"schema": task.table.schema, "name": task.table.name}
    with runtime.store.transaction() as session:
        rows = session.run(statement("last_billed"), **key, step=_step(job))
    return int(rows[0]["bytes_billed"]) if rows else MINIMUM_BYTES


def _spent(session: Session, task: TaskId, *, but: str | None = None) -> Row:
    (spent,) = session.run(statement("spent_today"), schema=task.table.schema, name=task.table.name, but=but)
    return spent


def _insert(session: Session, task: TaskId, jobs: Sequence[QueryJob], bytes_each: Sequence[int]) -> None:
    listed = [
        {"job_id": job.job_id, "step": _step(job), "bytes": number}
        for job, number in zip(jobs, bytes_each, strict=True)
    ]
    session.run(statement("reserve_jobs"), **task_parameters(task), jobs=json.dumps(listed))


def _step(job: QueryJob) -> str:
    return job.labels["refresh_step"]
