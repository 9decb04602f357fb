"""What the checks of columns and of row counts found, scope by scope."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from shared.domain.check_outcome import CheckOutcome
from shared.domain.states import ScopeAction
from shared.planning.checks import RowCount
from shared.planning.column_checks import ColumnCheck
from shared.planning.scopes import FoundScope, PlannedScope


def column_outcomes(found: Sequence[FoundScope], checks: Sequence[ColumnCheck]) -> list[CheckOutcome]:
    """An outcome for every scope and check; an empty scope passes."""
    return [
        _outcome(scope, check, failing) for scope in found for check, failing in zip(checks, scope.failing, strict=True)
    ]


def _outcome(scope: FoundScope, check: ColumnCheck, failing: int) -> CheckOutcome:
    value = failing / max(scope.rows, 1) if check.is_share else failing
    return CheckOutcome(
        metric=check.metric,
        scope=scope.value,
        value=value,
        threshold=check.most,
        outcome=check.outcome,
        passed=value <= check.most,
        details={"rows": scope.rows, "rows_failing": failing},
    )


def row_count_outcomes(scopes: Sequence[PlannedScope], rule: RowCount | None) -> list[CheckOutcome]:
    """The row count of every changed scope against those before it, or against its own as published if it is the
    first."""
    if rule is None or rule.outcome == "off":
        return []
    outcomes: list[CheckOutcome] = []
    before: list[int] = []
    for scope in scopes:
        usual = median(before[-rule.history :]) if before else scope.published_rows
        passed = True
        if scope.action in (ScopeAction.CHANGED, ScopeAction.VANISHED) and usual:
            outcome = _row_count(scope, rule, float(usual))
            outcomes.append(outcome)
            passed = outcome.passed
        kept = scope.rows if passed and scope.action is not ScopeAction.HELD else scope.published_rows
        before += [kept] if kept else []
    return outcomes


def _row_count(scope: PlannedScope, rule: RowCount, usual: float) -> CheckOutcome:
    least, most = (rule.min_ratio or 0) * usual, rule.max_ratio and rule.max_ratio * usual
    too_many = most is not None and scope.rows > most
    return CheckOutcome(
        metric="row_count",
        scope=scope.value,
        value=scope.rows,
        threshold=most if too_many else least,
        outcome=rule.outcome,
        passed=scope.rows >= least and not too_many,
        details={"usual": usual, "too_many": too_many},
    )
