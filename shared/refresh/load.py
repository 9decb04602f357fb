"""Loading a slice: its job, its rows into staging, its figures proven, its end."""

from __future__ import annotations

from shared import tracing
from shared.domain.definition import Definition
from shared.domain.errors import ClaimLost, PermanentError, ResultLost
from shared.ports import Row
from shared.refresh.claim import SliceClaim
from shared.refresh.ending import RETRY
from shared.refresh.extract import chunks, slice_result, stream_offsets
from shared.refresh.fence import fenced
from shared.refresh.jobs import source_relation
from shared.refresh.lease import KeptLease
from shared.refresh.read_ahead import read_ahead
from shared.refresh.reconcile import reconcile
from shared.refresh.runtime import Budget, Runtime
from shared.refresh.stage import Stager, prepared
from shared.refresh.staging import staging_name
from shared.sql import statement


def load_slice(runtime: Runtime, claim: SliceClaim, definition: Definition, task: Row, budget: Budget) -> None:
    """Stage the rest of the slice and complete it. A lost result sends it back under the next generation."""
    try:
        with KeptLease(runtime, claim) as lease:
            with tracing.span("extract"):
                relation, at = source_relation(runtime, claim, definition, task["snapshot_at"], budget)
                result = slice_result(runtime, claim, definition, relation=relation, snapshot_at=at, budget=budget)
            runtime.steps.reached("slice_queried")
            offsets = stream_offsets(runtime, claim, result)
            runtime.steps.reached("session_opened")
            stager = Stager(runtime, claim, definition, offsets)

            def check() -> None:
                lease.check()
                budget.check()

            for chunk in read_ahead(prepared(chunks(runtime, offsets), definition), check):
                check()
                with tracing.span("stage", attributes={"refresh.rows": sum(one.num_rows for one in chunk.batches)}):
                    stager.stage(chunk)
            _complete(runtime, claim, definition)
    except ResultLost as error:
        _regenerate(runtime, claim, error)


def _complete(runtime: Runtime, claim: SliceClaim, definition: Definition) -> None:
    with tracing.span("reconcile"), fenced(runtime, claim) as session:
        (checkpoint,) = session.run(statement("read_checkpoint"), **claim.parameters)
        reconcile(definition, checkpoint)
        runtime.steps.reached("slice_reconciled")
        if not session.run(statement("complete_slice"), **claim.parameters):
            raise ClaimLost(f"the task of {claim.task.table} has ended meanwhile")
    runtime.steps.reached("slice_committed")


def _regenerate(runtime: Runtime, claim: SliceClaim, error: ResultLost) -> None:
    generation = claim.checkpoint["generation"]
    if generation >= runtime.limits.max_attempts:
        raise PermanentError(
            f"{claim.task.table}: slice {claim.slice_no} was made {generation} times and lost: {error}",
            reason="attempts_exhausted",
        ) from error
    delay = error.at_least
    if generation > 1:
        delay = RETRY.delay(generation, random=runtime.clock.random(), at_least=delay)
    with fenced(runtime, claim) as session:
        session.run(f"DELETE FROM {staging_name(claim.task)} WHERE refresh_slice = :slice_no", slice_no=claim.slice_no)
        session.run(statement("regenerate_slice"), **claim.parameters, delay=delay, error=str(error))
    runtime.steps.reached("slice_regenerated")
