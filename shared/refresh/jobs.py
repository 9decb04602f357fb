"""BigQuery jobs of a task: labelled, awaited in short waits so that a worker can stop in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from shared.domain.definition import Definition
from shared.domain.errors import Held, PermanentError, ResultLost, RetryLater, StillRunning
from shared.domain.ids import TaskId, slice_job_id, view_job_id
from shared.planning.source_query import slice_query, view_query
from shared.ports import JobResult, QueryJob
from shared.refresh.claim import Claim
from shared.refresh.runtime import Budget, Runtime
from shared.refresh.spending import capped, reserve, settle

_WAIT_SECONDS = 5.0
_JOBS_AT_ONCE = 4


def run_job(runtime: Runtime, task: TaskId, definition: Definition, job: QueryJob, budget: Budget) -> JobResult:
    """Run the job, or re-attach to it, and wait for its end. OutOfTime leaves it running: a successor re-attaches.

    Held, before it is started, when it would bill more than the caps leave.
    """
    reserve(runtime, task, definition, [job])
    job = capped(runtime, task, definition, job)
    try:
        result = _awaited(runtime, job, budget)
    except (ResultLost, PermanentError, Held):
        settle(runtime, task, job, 0)
        raise
    settle(runtime, task, job, result.bytes_billed)
    return result


def _awaited(runtime: Runtime, job: QueryJob, budget: Budget) -> JobResult:
    while True:
        budget.check()
        try:
            return runtime.source.run(job, timeout=min(_WAIT_SECONDS, budget.remaining()))
        except StillRunning:
            continue


def slice_job(
    task: TaskId,
    definition: Definition,
    *,
    number: int,
    generation: int,
    scopes: Sequence[str | None],
    relation: str,
    snapshot_at: datetime | None,
) -> QueryJob:
    """The job that reads a slice."""
    query = slice_query(definition, relation=relation, snapshot_at=snapshot_at, scopes=scopes)
    return QueryJob(
        job_id=slice_job_id(task, number, generation),
        sql=query.sql,
        parameters=query.parameters,
        max_bytes_billed=definition.max_bytes_billed,
        labels=labels(task, "slice"),
    )


def labels(task: TaskId, step: str) -> dict[str, str]:
    """Labels of a BigQuery job: what it was for, in the characters that labels allow."""
    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in str(task.table).lower())
    return {"refresh_run": str(task.run_id), "refresh_table": name[:63], "refresh_step": step}


def source_relation(
    runtime: Runtime, claim: Claim, definition: Definition, snapshot_at: datetime, budget: Budget
) -> tuple[str, datetime | None]:
    """What the queries read, and as of when: the source table, or the one result that its view or named SQL was
    materialised into."""
    if definition.source_is_table:
        return definition.source, snapshot_at

    query = view_query(definition, snapshot_at=snapshot_at)

    def materialise(generation: int) -> str:
        job = QueryJob(
            job_id=view_job_id(claim.task, generation),
            sql=query.sql,
            parameters=query.parameters,
            max_bytes_billed=definition.max_bytes_billed,
            labels=labels(claim.task, "view"),
        )
        return run_job(runtime, claim.task, definition, job, budget).table

    return first_that_lasts(claim, materialise, what=f"materialise {definition.source}"), None


def first_that_lasts[T](claim: Claim, run: Callable[[int], T], *, what: str) -> T:
    """The result of the first job, of one generation after the other, that has one.

    A job that failed by chance, or whose result is gone, is of no more use, but is met again by every later attempt:
    each has a new one to try. RetryLater names the last loss.
    """
    lost: ResultLost | None = None
    for generation in range(1, _JOBS_AT_ONCE + claim.attempt):
        try:
            return run(generation)
        except ResultLost as error:
            lost = error
            if error.at_least:
                break
    raise RetryLater(
        f"{claim.task.table}: could not {what}: {lost}", reason="result_lost", at_least=lost.at_least if lost else 0.0
    )
