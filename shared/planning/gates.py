"""Gates before anything is moved: an empty or halved source never replaces what is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from shared.domain.errors import Held
from shared.domain.states import ScopeAction
from shared.planning.scopes import PlannedScope

TABLE_MIN_RATIO = 0.5
"""Least rows of the source against the rows last published."""


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """A row of refresh_data_quality."""

    metric: str
    scope: str | None
    value: float | None
    threshold: float
    outcome: str
    passed: bool
    details: Mapping[str, Any] = field(default_factory=dict)


def table_gate(scopes: Sequence[PlannedScope], *, checks: Mapping[str, Any]) -> None:
    """Held when the source has no rows while the target has some, or fewer than `table_min_ratio` of those published.

    Only the scanned range is compared. `table_min_ratio` (0 to 1, default 0.5) stands in the registry's checks; 0 lets
    everything pass.
    """
    rows = sum(scope.rows for scope in scopes)
    published = sum(scope.published_rows for scope in scopes)
    least = float(checks.get("table_min_ratio", TABLE_MIN_RATIO))
    if least <= 0 or published == 0 or (rows >= least * published and rows > 0):
        return
    reason = "empty_source" if rows == 0 else "halved_source"
    raise Held(
        f"the source has {rows} rows, {published} are published: fewer than {least:.0%}; nothing was changed",
        reason=reason,
        details={"rows": rows, "published_rows": published, "table_min_ratio": least},
    )


def scope_gate(
    scopes: Sequence[PlannedScope], *, checks: Mapping[str, Any]
) -> tuple[list[PlannedScope], list[CheckOutcome]]:
    """Hold each scope that is empty or has fewer than `scope_min_ratio` × the median of the `scope_history` before it.

    Without `scope_min_ratio` in the checks there is no scope gate: vanished scopes are deleted.
    """
    least = checks.get("scope_min_ratio")
    if not least:
        return list(scopes), []
    history = int(checks.get("scope_history", 12))
    gated: list[PlannedScope] = []
    outcomes: list[CheckOutcome] = []
    before: list[int] = []
    for scope in scopes:
        usual = median(before[-history:]) if before else scope.published_rows
        passed = scope.action is ScopeAction.UNCHANGED or scope.rows >= max(float(least) * usual, 1)
        if scope.action is not ScopeAction.UNCHANGED:
            outcomes.append(
                CheckOutcome(
                    metric="scope_rows",
                    scope=scope.value,
                    value=scope.rows,
                    threshold=float(least) * usual,
                    outcome="hold",
                    passed=passed,
                )
            )
        gated.append(scope if passed else scope.held())
        before.append(max(scope.published_rows, scope.rows if passed else 0))
    return gated, outcomes
