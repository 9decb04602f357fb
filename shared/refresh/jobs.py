"""BigQuery jobs of a task: labelled, awaited in short waits so that a worker can stop in between."""

from __future__ import annotations

from shared.domain.errors import StillRunning
from shared.domain.ids import TaskId
from shared.ports import JobResult, QueryJob
from shared.refresh.runtime import Budget, Runtime

_WAIT_SECONDS = 5.0


def run_job(runtime: Runtime, job: QueryJob, budget: Budget) -> JobResult:
    """Run the job, or re-attach to it, and wait for its end. OutOfTime leaves it running: a successor re-attaches."""
    while True:
        budget.check()
        try:
            return runtime.source.run(job, timeout=min(_WAIT_SECONDS, budget.remaining()))
        except StillRunning:
            continue


def labels(task: TaskId, step: str) -> dict[str, str]:
    """Labels of a BigQuery job: what it was for, in the characters that labels allow."""
    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in str(task.table).lower())
    return {"refresh_run": str(task.run_id), "refresh_table": name[:63], "refresh_step": step}
