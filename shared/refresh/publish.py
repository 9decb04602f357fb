"""Publishing: one transaction that readers see whole or not at all.

In order: the compare-and-set on the claim, the registry row's lock, the last look at what other runs have published,
the count of what is staged, the diff-merge, and everything that the publish makes true (partition state, registry,
the task's end, which by trigger leaves audit, event and message).
"""

from __future__ import annotations

import json
from collections.abc import Callable

from shared.domain.definition import Definition
from shared.domain.errors import (
    LockTimeout,
    PermanentError,
    PublishTooLarge,
    ResultLost,
    RetryNow,
    StatementTimeout,
    StoreRefused,
)
from shared.domain.ids import TaskId
from shared.domain.states import ScopeAction, TaskStatus
from shared.planning.gates import table_gate
from shared.planning.outcome import Tally, outcome
from shared.planning.scopes import PlannedScope, PublishedScope
from shared.planning.settlement import Scan, Settlement, against_published, settle
from shared.planning.slices import plan_slices
from shared.ports import Row, Session
from shared.refresh.claim import TaskClaim, task_parameters
from shared.refresh.fence import fenced
from shared.refresh.fill import Filling, begin_filling, fill, stage_instead
from shared.refresh.merge import Merge, Written, target_is_empty, target_name
from shared.refresh.plan_rows import scopes_json, slices_json
from shared.refresh.runtime import Budget, Runtime
from shared.refresh.staging import create_staging, drop_staging, staging_name
from shared.sql import statement

_UNDEFINED_TABLE = "42P01"


def publish(runtime: Runtime, claim: TaskClaim, definition: Definition, task: Row, budget: Budget) -> TaskStatus | None:
    """Publish the task; its final status, or None when slices have to be loaded first after all.

    Locks are waited for briefly and asked for again after a random pause, so that nobody queues behind a waiting
    publish.
    Raises LockTimeout when they are never to be had, PublishTooLarge when the statement timeout cuts the work off.
    """
    budget.check(reserve=runtime.limits.publish_reserve)
    filling = begin_filling(runtime, claim, definition, task, budget)
    for attempt in range(1, runtime.limits.lock_attempts + 1):
        try:
            return _publish_once(runtime, claim, definition, task, filling, budget.check)
        except (LockTimeout, RetryNow):
            if attempt == runtime.limits.lock_attempts:
                raise
            runtime.steps.reached("publish_waits")
            runtime.clock.sleep(runtime.clock.random() * min(2.0**attempt, 8.0) / 2)
            budget.check(reserve=runtime.limits.publish_reserve)
        except ResultLost:
            filling = None
        except StatementTimeout as error:
            raise PublishTooLarge(
                f"{definition.table}: publishing {task['rows_staged']} rows took longer than "
                f"{runtime.limits.publish_reserve:.0f} s. Choose a scope_column, or raise the time budget"
            ) from error
    raise AssertionError("unreachable")


def _publish_once(
    runtime: Runtime,
    claim: TaskClaim,
    definition: Definition,
    task: Row,
    filling: Filling | None,
    check: Callable[[], None],
) -> TaskStatus | None:
    limits = runtime.limits
    with fenced(runtime, claim, lock_timeout=limits.lock_timeout, statement_timeout=limits.publish_reserve) as session:
        runtime.steps.reached("publish_fenced")
        settlement = _settle(session, claim.task, definition, task)
        if task["fill"] and task["staging_table"] is None:
            return _fill_once(runtime, session, claim, definition, task, filling, settlement, check)
        if settlement.to_load:
            _load_more(session, claim.task, definition, task, settlement)
            return None
        lost = _lost_slices(session, claim.task, task)
        if lost:
            _reopen(session, claim.task, definition, lost)
            return None
        superseded = _drop_superseded(session, claim.task, definition, task, settlement)
        _lock_target(session, definition)
        runtime.steps.reached("publish_locked")
        scopes = settlement.having(ScopeAction.CHANGED, ScopeAction.VANISHED)
        written = Written()
        if scopes:
            merge = Merge(session, claim.task, definition, scopes=scopes, staged_rows=task["rows_staged"] - superseded)
            written = merge.run()
        runtime.steps.reached("publish_merged")
        status = _record(session, claim.task, definition, task, settlement, written, superseded)
        runtime.steps.reached("publish_recorded")
    runtime.steps.reached("publish_committed")
    return status


def _fill_once(
    runtime: Runtime,
    session: Session,
    claim: TaskClaim,
    definition: Definition,
    task: Row,
    filling: Filling | None,
    settlement: Settlement,
    check: Callable[[], None],
) -> TaskStatus | None:
    _lock_target(session, definition)
    in_the_way = settlement.to_load or settlement.having(ScopeAction.SUPERSEDED)
    if filling is None or in_the_way or not target_is_empty(session, definition):
        stage_instead(session, claim, definition)
        return None
    runtime.steps.reached("publish_locked")
    written = fill(runtime, session, claim, definition, filling, check)
    runtime.steps.reached("publish_merged")
    filled = task | session.run(statement("filled_rows"), **task_parameters(claim.task))[0]
    status = _record(session, claim.task, definition, filled, settlement, written, 0)
    runtime.steps.reached("publish_recorded")
    return status


def _lock_target(session: Session, definition: Definition) -> None:
    """Readers pass, other writers wait."""
    session.run(f"LOCK TABLE {target_name(definition)} IN SHARE ROW EXCLUSIVE MODE")
    session.run("SET LOCAL work_mem = '64MB'")


def _settle(session: Session, task: TaskId, definition: Definition, state: Row) -> Settlement:
    key = task_parameters(task)
    session.run(statement("lock_registry_row"), **key)
    planned = [
        PlannedScope(
            value=row["scope"],
            action=ScopeAction(row["action"]),
            rows=row["rows"],
            rows_read=row["rows_read"],
            fingerprint=row["fingerprint"],
            published_fingerprint=row["published_fingerprint"],
            figures=row["figures"],
        )
        for row in session.run(statement("task_scopes"), **key)
    ]
    published = [PublishedScope(**row) for row in session.run(statement("published_scopes"), **key)]
    snapshot_at = state["snapshot_at"]
    settlement = settle(
        planned,
        published,
        snapshot_at=snapshot_at,
        definition_hash=definition.hash,
        own_scan_from=state["scan_from"],
        newer=[Scan(**row) for row in session.run(statement("newer_scans"), **key, snapshot_at=snapshot_at)],
        deletes=definition.strategy != "append",
        holds_empty=bool(definition.checks.get("scope_min_ratio")),
    )
    table_gate(against_published(settlement.scopes, published, snapshot_at=snapshot_at), checks=definition.checks)
    if not settlement.to_load and list(settlement.scopes) != planned:
        session.run(statement("settle_scopes"), **key, scopes=scopes_json(settlement.scopes, []))
    return settlement


def _load_more(session: Session, task: TaskId, definition: Definition, state: Row, settlement: Settlement) -> None:
    key = task_parameters(task)
    slices = plan_slices(
        settlement.to_load, target_rows=definition.slice_target_rows, first_number=state["slices_total"]
    )
    if state["staging_table"] is None:
        create_staging(session, task, definition)
    session.run(statement("settle_scopes"), **key, scopes=scopes_json(settlement.scopes, slices))
    session.run(statement("insert_checkpoints"), **key, slices=slices_json(slices))
    session.run(statement("reopen_task"), **key, slices=len(slices), staging_table=task.staging_table)


def _lost_slices(session: Session, task: TaskId, state: Row) -> list[int]:
    """Slices whose staged rows are not all there, after a restart that emptied the UNLOGGED staging table."""
    if state["staging_table"] is None:
        return []
    try:
        rows = session.run(f"SELECT refresh_slice, count(*) AS rows FROM {staging_name(task)} GROUP BY refresh_slice")
    except StoreRefused as error:
        if error.sqlstate == _UNDEFINED_TABLE:
            raise PermanentError(
                f"the staging table of {task.table} is gone (cleaned up, or dropped by hand): run the table again",
                reason="staging_lost",
            ) from error
        raise
    staged = {row["refresh_slice"]: row["rows"] for row in rows}
    slices = session.run(statement("task_slices"), **task_parameters(task))
    return [one["slice_no"] for one in slices if staged.get(one["slice_no"], 0) != one["rows_staged"]]


def _reopen(session: Session, task: TaskId, definition: Definition, slices: list[int]) -> None:
    session.run(f"DELETE FROM {staging_name(task)} WHERE refresh_slice = ANY (:slices)", slices=slices)
    session.run(statement("reopen_slices"), **task_parameters(task), slices=slices)


def _drop_superseded(session: Session, task: TaskId, definition: Definition, state: Row, settlement: Settlement) -> int:
    """Forget staged rows of scopes of which a newer snapshot has been published; their number."""
    scopes = settlement.having(ScopeAction.SUPERSEDED)
    if not scopes or state["staging_table"] is None:
        return 0
    condition = "true"
    if definition.scope is not None:
        column = definition.column(definition.scope.column)
        row = f'(SELECT {column.published("s." + '"' + column.name + '"')} AS "{column.name}") t'
        condition = f"EXISTS (SELECT FROM {row} WHERE {definition.scope.postgres_condition('t', ':scopes')})"
    delete = f"DELETE FROM {staging_name(task)} s WHERE {condition} RETURNING 1"
    text = f"WITH gone AS ({delete}) SELECT count(*) AS rows FROM gone"
    rows = session.run(text, scopes=scopes) if ":scopes" in text else session.run(text)
    return int(rows[0]["rows"])


def _record(
    session: Session,
    task: TaskId,
    definition: Definition,
    state: Row,
    settlement: Settlement,
    written: Written,
    superseded: int,
) -> TaskStatus:
    key = task_parameters(task)
    tally = Tally(
        scopes_written=len(settlement.having(ScopeAction.CHANGED, ScopeAction.VANISHED)),
        scopes_held=len(settlement.having(ScopeAction.HELD)),
        scopes_superseded=len(settlement.having(ScopeAction.SUPERSEDED)),
        rows_quarantined=state["rows_quarantined"],
        rows_quarantined_before=session.run(statement("quarantined_before"), **key)[0]["rows"],
        rows_refused=written.refused,
    )
    stripped = session.run(statement("values_stripped"), **key)[0]["stripped"]
    status, reason = outcome(tally)
    snapshot = {"snapshot_at": state["snapshot_at"]}
    session.run(statement("publish_scopes"), **key, **snapshot, definition_hash=definition.hash)
    session.run(statement("confirm_scopes"), **key, **snapshot)
    if status not in (TaskStatus.HELD, TaskStatus.SKIPPED):
        session.run(
            statement("publish_table"),
            **key,
            **snapshot,
            scan_from=state["scan_from"],
            wrote=written.inserted + written.updated + written.deleted > 0,
            last_data_period=_last_period(definition, settlement),
        )
    drop_staging(session, task)
    session.run(
        statement("finish_task"),
        **key,
        status=str(status),
        reason=reason,
        error=None,
        superseded=superseded,
        inserted=written.inserted,
        updated=written.updated,
        deleted=written.deleted,
        unchanged=written.unchanged,
        details=json.dumps(vars(tally) | ({"values_stripped": stripped} if stripped else {})),
    )
    return status


def _last_period(definition: Definition, settlement: Settlement) -> str | None:
    """The newest scope value with rows, where scope values are dates."""
    if definition.scope is None or not definition.scope.dated:
        return None
    values = [scope.value for scope in settlement.scopes if scope.rows and scope.value is not None]
    return max(values, default=None)
