"""What the target holds of each report, for the gates."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.definition import Definition
from shared.domain.quoting import postgres_identifier
from shared.domain.states import ScopeAction
from shared.planning.gates import CheckOutcome, scope_gate
from shared.planning.quality import ReportRows, quality_gate
from shared.planning.scopes import FoundScope, PlannedScope
from shared.ports import Session
from shared.refresh.merge import target_name
from shared.refresh.runtime import Runtime


def gate(
    runtime: Runtime, definition: Definition, scopes: Sequence[PlannedScope], found: Sequence[FoundScope]
) -> tuple[list[PlannedScope], list[CheckOutcome]]:
    """Hold the scopes that must not be published: by report where the dataset knows them, else by row count."""
    dataset = definition.dataset
    if dataset is None or not definition.has_reports:
        return scope_gate(scopes, checks=definition.checks)
    with runtime.store.transaction() as session:
        published = _report_rows(session, definition, scopes, dataset.report_columns)
    reports = {scope.value: scope.reports for scope in found}
    return quality_gate(scopes, reports, published, dataset=dataset, checks=definition.checks)


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
