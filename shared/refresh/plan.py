"""Planning: one aggregate query says what changed; what did not change is not moved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from shared.domain.check_outcome import CheckOutcome
from shared.domain.definition import Definition
from shared.domain.errors import Held
from shared.domain.ids import TaskId, plan_job_id
from shared.domain.scope import ScanRange, scan_range
from shared.domain.states import Mode, Phase, ScopeAction
from shared.planning.checks import read_checks
from shared.planning.column_checks import column_checks
from shared.planning.holds import Release
from shared.planning.scopes import PlannedScope, plan_scopes
from shared.planning.slices import PlannedSlice, plan_slices
from shared.planning.source_query import SourceQuery, plan_query
from shared.ports import JobResult, QueryJob, Row, Session
from shared.refresh.claim import TaskClaim, task_parameters
from shared.refresh.fence import fenced
from shared.refresh.fillable import FILL_PLANNED, fillable
from shared.refresh.found_scopes import found_scopes
from shared.refresh.frozen import freeze_definition
from shared.refresh.held_plan import hold_plan
from shared.refresh.jobs import first_that_lasts, labels, run_job, slice_job, source_relation
from shared.refresh.messages import owe_table_message
from shared.refresh.plan_report import end_plan, estimate_bytes
from shared.refresh.plan_rows import scopes_json, slices_json
from shared.refresh.published_scopes import published_scopes
from shared.refresh.quality import judge, record_outcomes
from shared.refresh.release import adopt, read_release
from shared.refresh.runtime import Budget, Runtime
from shared.refresh.spending import reserve
from shared.refresh.staging import create_staging
from shared.sql import statement


def plan(runtime: Runtime, claim: TaskClaim, definition: Definition, task: Row, budget: Budget) -> None:
    """Find what changed, pass the gates, and commit slices, scopes and lanes; a table that a gate holds ends here.
    Raises Held, PermanentError, RetryLater."""
    if task["release_of"] is not None and adopt(runtime, claim, definition, task):
        return
    scan = _scan(definition, task)
    checks = column_checks(definition, read_checks(definition))
    relation, snapshot_at = source_relation(runtime, claim, definition, task["snapshot_at"], budget)
    query = plan_query(definition, relation=relation, snapshot_at=snapshot_at, scan=scan, checks=checks)
    result, rows = _aggregate(runtime, claim, definition, query, budget)
    runtime.steps.reached("plan_queried")
    found = found_scopes(definition, rows, checks)
    with runtime.store.transaction() as session:
        published = published_scopes(session, claim.task.table, definition, scan)
    scopes = plan_scopes(
        found,
        published,
        definition_hash=definition.hash,
        force=task["force"],
        anew=_quarantined(runtime, claim.task) if task["replays_quarantine"] else (),
        scan_from=scan.scan_from,
        scan_to=scan.scan_to,
    )
    if definition.strategy == "append":
        scopes = [scope for scope in scopes if scope.action is not ScopeAction.VANISHED]
    try:
        release = _release(runtime, claim.task, task)
        scopes, outcomes = judge(
            runtime,
            definition,
            scopes,
            found=found,
            column_checks=checks,
            published=published,
            forced_at=task["forced_at"],
            release=release,
        )
    except Held as held:
        hold_plan(runtime, claim, definition, held, scopes=scopes, result=result, scan_from=scan.scan_from)
        return
    slices = plan_slices(scopes, target_rows=definition.slice_target_rows)
    only_plan = Mode(task["mode"]) is Mode.PLAN
    if only_plan:
        estimated = estimate_bytes(
            runtime, claim.task, definition, slices, relation=relation, snapshot_at=snapshot_at, budget=budget
        )
    else:
        _reserve(runtime, claim.task, definition, slices, relation=relation, snapshot_at=snapshot_at)
    with fenced(runtime, claim) as session:
        _commit(session, claim.task, definition, task, scopes, slices, outcomes, result, scan.scan_from)
        if only_plan:
            end_plan(session, claim.task, scopes, estimated)
        runtime.steps.reached("plan_written")
    runtime.steps.reached("plan_committed")


def _scan(definition: Definition, task: Row) -> ScanRange:
    return scan_range(
        definition.scope,
        lookback_days=definition.lookback,
        snapshot=task["snapshot_at"].date(),
        backfill=(task["backfill_from"], task["backfill_to"]) if task["backfill_id"] else None,
    )


def _quarantined(runtime: Runtime, task: TaskId) -> frozenset[str | None]:
    key = {"schema": task.table.schema, "name": task.table.name}
    with runtime.store.transaction() as session:
        return frozenset(row["scope"] for row in session.run(statement("quarantined_scopes"), **key))


def _release(runtime: Runtime, task: TaskId, state: Row) -> Release | None:
    with runtime.store.transaction() as session:
        return read_release(session, task, state)


def _reserve(
    runtime: Runtime,
    task: TaskId,
    definition: Definition,
    slices: Sequence[PlannedSlice],
    *,
    relation: str,
    snapshot_at: datetime | None,
) -> None:
    """Reserve what all slices may bill, so that none is read where another would then be refused."""
    jobs = [
        slice_job(
            task,
            definition,
            number=one.number,
            generation=1,
            scopes=one.scopes,
            relation=relation,
            snapshot_at=snapshot_at,
        )
        for one in slices
    ]
    reserve(runtime, task, definition, jobs)


def _aggregate(
    runtime: Runtime,
    claim: TaskClaim,
    definition: Definition,
    query: SourceQuery,
    budget: Budget,
) -> tuple[JobResult, list[Row]]:
    def ask(generation: int) -> tuple[JobResult, list[Row]]:
        job = QueryJob(
            job_id=plan_job_id(claim.task, generation),
            sql=query.sql,
            parameters=query.parameters,
            max_bytes_billed=definition.max_bytes_billed,
            labels=labels(claim.task, "plan"),
        )
        result = run_job(runtime, claim.task, definition, job, budget)
        return result, runtime.source.fetch(result)

    return first_that_lasts(claim, ask, what="plan")


def _commit(
    session: Session,
    task: TaskId,
    definition: Definition,
    state: Row,
    scopes: Sequence[PlannedScope],
    slices: Sequence[PlannedSlice],
    outcomes: Sequence[CheckOutcome],
    result: JobResult,
    scan_from: str | None,
) -> None:
    key = task_parameters(task)
    mode = Mode(state["mode"])
    grouped = state["publish_group"] is not None
    filling = mode.writes and fillable(session, definition, slices, grouped=grouped)
    staged = bool(slices) and not filling and mode is not Mode.PLAN
    if staged:
        create_staging(session, task, definition)
    freeze_definition(session, task, definition)
    session.run(statement("insert_task_scopes"), **key, scopes=scopes_json(scopes, slices))
    session.run(statement("insert_checkpoints"), **key, slices=slices_json(slices))
    record_outcomes(session, task, outcomes)
    session.run(
        statement("plan_task"),
        **key,
        phase=str(Phase.LOADING if staged else Phase.STAGED),
        definition_hash=definition.hash,
        scan_from=scan_from,
        staging_table=task.staging_table if staged else None,
        slices=len(slices),
        open=len(slices) if staged else 0,
        skipped=sum(scope.action is ScopeAction.UNCHANGED for scope in scopes),
        bytes_billed=result.bytes_billed,
        job_id=result.job_id,
        details=json.dumps(definition.notes | ({"fill": FILL_PLANNED} if filling else {})),
    )
    for lane in range(1, min(definition.parallelism, len(slices)) if staged else 0):
        owe_table_message(session, task, state["handler"], lane=lane)
