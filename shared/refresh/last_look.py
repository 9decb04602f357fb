"""The last look before a publish: what other runs have published since the plan, and what is really staged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from shared.domain.check_outcome import CheckOutcome
from shared.domain.definition import Definition
from shared.domain.errors import PermanentError, StoreRefused, concerning
from shared.domain.ids import TaskId
from shared.domain.quoting import postgres_identifier
from shared.domain.states import ScopeAction
from shared.planning.gates import as_they_stay, empty_scope, table_gate
from shared.planning.refusals import DECIDED, refusals
from shared.planning.scopes import PlannedScope, PublishedScope
from shared.planning.settlement import Scan, Settlement, against_published, settle
from shared.planning.slices import plan_slices
from shared.ports import Row, Session
from shared.refresh.claim import task_parameters
from shared.refresh.plan_rows import scopes_json, slices_json
from shared.refresh.quality import record_outcomes
from shared.refresh.release import read_release
from shared.refresh.staging import create_staging, staging_name
from shared.refresh.state import state_statement, writing_mode
from shared.sql import statement

_UNDEFINED_TABLE = "42P01"


def settle_task(session: Session, task: TaskId, definition: Definition, state: Row) -> Settlement:
    """Settle the plan against what is published, under the lock of the registry row. Held when the gate closes."""
    key = task_parameters(task)
    planned = planned_scopes(session, task)
    release = read_release(session, task, state)
    published = [PublishedScope(**row) for row in session.run(state_statement("published_scopes", definition), **key)]
    snapshot_at = state["snapshot_at"]
    settlement = settle(
        planned,
        published,
        snapshot_at=snapshot_at,
        definition_hash=definition.hash,
        own_scan_from=state["scan_from"],
        own_scan_to=state["backfill_to"].isoformat() if state["backfill_to"] else None,
        newer=_newer_scans(session, task, definition, snapshot_at),
        deletes=definition.strategy != "append",
        holds_empty=bool(definition.checks.get("scope_min_ratio")),
        forced_at=state["forced_at"],
        lifted=[scope for metric, scope in release.shown if metric in DECIDED] if release else [],
    )
    beside = against_published(settlement.scopes, published, snapshot_at=snapshot_at)
    with concerning(task.table):
        table_gate(as_they_stay(beside, settlement.refused), checks=definition.checks, release=release)
    record_outcomes(session, task, _held_since(planned, settlement, published, definition))
    if not settlement.to_load and list(settlement.scopes) != planned:
        session.run(statement("settle_scopes"), **key, scopes=scopes_json(settlement.scopes, []))
    return settlement


def planned_scopes(session: Session, task: TaskId) -> list[PlannedScope]:
    """The plan of a task, scope by scope."""
    return [
        PlannedScope(
            value=row["scope"],
            action=ScopeAction(row["action"]),
            rows=row["rows"],
            rows_read=row["rows_read"],
            fingerprint=row["fingerprint"],
            published_fingerprint=row["published_fingerprint"],
            published_rows=row["published_rows"],
            figures=row["figures"],
        )
        for row in session.run(statement("task_scopes"), **task_parameters(task))
    ]


def _held_since(
    planned: Sequence[PlannedScope],
    settlement: Settlement,
    published: Sequence[PublishedScope],
    definition: Definition,
) -> list[CheckOutcome]:
    """Why scopes are held that the plan did not hold: they were refused since, or published since and are empty."""
    before = {scope.value for scope in planned if scope.action is ScopeAction.HELD}
    held = [scope for scope in settlement.scopes if scope.action is ScopeAction.HELD and scope.value not in before]
    found = refusals(held, published, definition_hash=definition.hash)
    decided = {one.scope for one in found}
    return found + [empty_scope(scope.value) for scope in held if scope.value not in decided]


def _newer_scans(session: Session, task: TaskId, definition: Definition, snapshot_at: datetime) -> list[Scan]:
    rows = session.run(
        state_statement("newer_scans", definition),
        **task_parameters(task),
        snapshot_at=snapshot_at,
        mode=writing_mode(definition),
    )
    return [Scan(**row) for row in rows]


def load_more(session: Session, task: TaskId, definition: Definition, state: Row, settlement: Settlement) -> None:
    """Open slices for the scopes that have to be read after all; the task is loading again."""
    key = task_parameters(task)
    slices = plan_slices(
        settlement.to_load, target_rows=definition.slice_target_rows, first_number=state["slices_total"]
    )
    if state["staging_table"] is None:
        create_staging(session, task, definition)
    session.run(statement("settle_scopes"), **key, scopes=scopes_json(settlement.scopes, slices))
    session.run(statement("insert_checkpoints"), **key, slices=slices_json(slices))
    session.run(statement("reopen_task"), **key, slices=len(slices), staging_table=task.staging_table)


def lost_slices(session: Session, task: TaskId, state: Row) -> list[int]:
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


def reopen(session: Session, task: TaskId, definition: Definition, slices: list[int]) -> None:
    """Have slices staged again, whose rows are not all there; the task is loading again."""
    session.run(f"DELETE FROM {staging_name(task)} WHERE refresh_slice = ANY (:slices)", slices=slices)
    session.run(statement("reopen_slices"), **task_parameters(task), slices=slices)


def hold_scopes(session: Session, task: TaskId, settlement: Settlement, values: Collection[str | None]) -> Settlement:
    """The settlement with these scopes held as well."""
    scopes = tuple(scope.held() if scope.value in values else scope for scope in settlement.scopes)
    session.run(statement("settle_scopes"), **task_parameters(task), scopes=scopes_json(scopes, []))
    return replace(settlement, scopes=scopes)


def drop_superseded(session: Session, task: TaskId, definition: Definition, state: Row, settlement: Settlement) -> int:
    """Forget staged rows of scopes that a newer snapshot was published of, or that are held since; their number."""
    scopes = settlement.having(ScopeAction.SUPERSEDED, ScopeAction.HELD)
    if not scopes or state["staging_table"] is None:
        return 0
    condition = "true"
    if definition.scope is not None:
        column = definition.column(definition.scope.column)
        row = f'(SELECT {column.published("s." + postgres_identifier(column.name))} AS "{column.name}") t'
        condition = f"EXISTS (SELECT FROM {row} WHERE {definition.scope.postgres_condition('t', ':scopes')})"
    delete = f"DELETE FROM {staging_name(task)} s WHERE {condition} RETURNING 1"
    text = f"WITH gone AS ({delete}) SELECT count(*) AS rows FROM gone"
    rows = session.run(text, scopes=list(scopes)) if ":scopes" in text else session.run(text)
    return int(rows[0]["rows"])
