"""A plan before its judges: what people refused, the gates of the table, those of each scope."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from shared.domain.check_outcome import CheckOutcome
from shared.domain.definition import Definition
from shared.domain.ids import TaskId
from shared.domain.quoting import postgres_identifier
from shared.domain.states import ScopeAction
from shared.planning.checks import read_checks
from shared.planning.column_checks import ColumnCheck
from shared.planning.column_gate import column_outcomes, row_count_outcomes
from shared.planning.gates import as_they_stay, behind_refusals, scope_gate, table_gate
from shared.planning.holds import WRITTEN, Release, hold_scopes, lifted, overridden, restricted
from shared.planning.quality import ReportRows, quality_gate
from shared.planning.refusals import refusals
from shared.planning.scopes import FoundScope, PlannedScope, PublishedScope
from shared.ports import Session
from shared.refresh.claim import task_parameters
from shared.refresh.merge import target_name
from shared.refresh.runtime import Runtime
from shared.sql import statement


def judge(
    runtime: Runtime,
    definition: Definition,
    scopes: Sequence[PlannedScope],
    *,
    found: Sequence[FoundScope],
    column_checks: Sequence[ColumnCheck],
    published: Sequence[PublishedScope],
    forced_at: datetime | None,
    release: Release | None,
) -> tuple[list[PlannedScope], list[CheckOutcome]]:
    """The plan with what must not be published held, and the outcome of every check. Held when it is the whole table.

    What a release overrides does not hold, nor what was refused before somebody asked, at `forced_at`, for all.
    """
    scopes = restricted(scopes, release)
    coming = [scope for scope in scopes if scope.action in WRITTEN]
    outcomes = lifted(refusals(coming, published, definition_hash=definition.hash, forced_at=forced_at), release)
    refused = {one.scope for one in outcomes if not overridden(one, release)}

    def by_scope() -> list[CheckOutcome]:
        return [
            *_scope_gates(runtime, definition, scopes, found),
            *row_count_outcomes(scopes, read_checks(definition).row_count),
            *column_outcomes(found, column_checks),
        ]

    if refused:
        outcomes += behind_refusals(scopes, by_scope(), refused, checks=definition.checks)
    scopes = [scope.held() if scope.action in WRITTEN and scope.value in refused else scope for scope in scopes]
    outcomes += table_gate(as_they_stay(scopes, refused), checks=definition.checks, release=release)
    judged = {scope.value for scope in scopes if scope.action in WRITTEN}
    found_by_scope = lifted([one for one in by_scope() if one.scope in judged], release)
    return hold_scopes(scopes, found_by_scope, release), outcomes + found_by_scope


def record_outcomes(session: Session, task: TaskId, outcomes: Sequence[CheckOutcome]) -> None:
    """Keep what the checks of a task found; each finding once, however often it is made."""
    if outcomes:
        texts = json.dumps([asdict(one) for one in outcomes])
        session.run(statement("insert_data_quality"), **task_parameters(task), outcomes=texts)


def _scope_gates(
    runtime: Runtime, definition: Definition, scopes: Sequence[PlannedScope], found: Sequence[FoundScope]
) -> list[CheckOutcome]:
    """By report where the dataset knows them, else by row count."""
    dataset = definition.dataset
    if dataset is None or not definition.has_reports:
        return scope_gate(scopes, checks=definition.checks)[1]
    with runtime.store.transaction() as session:
        published = _report_rows(session, definition, scopes, dataset.report_columns)
    reports = {scope.value: scope.reports for scope in found}
    return quality_gate(scopes, reports, published, dataset=dataset, checks=definition.checks)[1]


def _report_rows(
    session: Session, definition: Definition, scopes: Sequence[PlannedScope], names: tuple[str, ...]
) -> ReportRows:
    """Rows of each report of the scopes that change, as the target has them."""
    changing = [scope.value for scope in scopes if scope.action is not ScopeAction.UNCHANGED and scope.published_rows]
    if definition.scope is None or not changing:
        return {}
    value = definition.scope.postgres_value("t")
    columns = ", ".join(f"t.{postgres_identifier(name)}::text" for name in names)
    rows = session.run(
        f"SELECT {value} AS scope, ARRAY[{columns}] AS report, count(*) AS rows FROM {target_name(definition)} t "
        f"WHERE {definition.scope.postgres_condition('t', ':scopes')} GROUP BY 1, 2",
        scopes=changing,
    )
    return {(row["scope"], tuple(row["report"])): int(row["rows"]) for row in rows}
