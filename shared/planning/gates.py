"""Gates before anything is moved: an empty or halved source never replaces what is published."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from shared.domain.check_outcome import HOLD, CheckOutcome
from shared.domain.errors import Held
from shared.domain.states import ScopeAction
from shared.planning.holds import Release, lifted, overridden
from shared.planning.scopes import PlannedScope

TABLE_MIN_RATIO = 0.5
"""Least rows of the source against the rows last published."""
TABLE_ROWS = "table_rows"
DELETED_SHARE = "deleted_share"
SCOPE_ROWS = "scope_rows"


def table_gate(
    scopes: Sequence[PlannedScope], *, checks: Mapping[str, Any], release: Release | None = None
) -> list[CheckOutcome]:
    """What the gates of the whole table found. Held, with the findings, when one of them closes that no release opens.

    Only the scanned range is compared. `table_min_ratio` (0 to 1, default 0.5) and `max_deleted_share` (0 to 1, none by
    default) stand in the registry's checks; a ratio of 0 lets everything pass.
    """
    found = lifted(_table_gates(scopes, checks), release)
    held = next((one for one in found if one.holds and not overridden(one, release)), None)
    if held is not None:
        raise hold_table(held, found)
    return found


def written_gate(
    deleted: int, scopes: Sequence[PlannedScope], *, checks: Mapping[str, Any], release: Release | None
) -> None:
    """The gate for deletions once more, when all of them are known: Held undoes the publish."""
    found = lifted(deletion_gate(deleted, _published(scopes), checks), release)
    if any(one.holds and not overridden(one, release) for one in found):
        raise hold_table(found[0], found)


def behind_refusals(
    scopes: Sequence[PlannedScope],
    by_scope: Iterable[CheckOutcome],
    refused: Container[str | None],
    *,
    checks: Mapping[str, Any],
) -> list[CheckOutcome]:
    """The checks that would hold the table, or the refused scopes, if those were published: a release of them overrides
    these checks too."""
    found = [*_table_gates(scopes, checks), *(one for one in by_scope if one.scope in refused)]
    closed = [one for one in found if one.holds]
    return [replace(one, details={**one.details, "behind_refusal": True}) for one in closed]


def _table_gates(scopes: Sequence[PlannedScope], checks: Mapping[str, Any]) -> list[CheckOutcome]:
    return [*_rows_gate(scopes, checks), *deletion_gate(_least_deleted(scopes), _published(scopes), checks)]


def deletion_gate(deleted: int, published: int, checks: Mapping[str, Any]) -> list[CheckOutcome]:
    """Whether more than `max_deleted_share` of the published rows go."""
    most = checks.get("max_deleted_share")
    if most is None or published == 0:
        return []
    return [
        CheckOutcome(
            metric=DELETED_SHARE,
            scope=None,
            value=deleted / published,
            threshold=float(most),
            outcome=HOLD,
            passed=deleted <= float(most) * published,
            details={"rows_deleted": deleted, "published_rows": published},
        )
    ]


def hold_table(outcome: CheckOutcome, found: Sequence[CheckOutcome]) -> Held:
    """The error that holds the table for a gate that has closed."""
    rows, published = outcome.details.get("rows"), outcome.details["published_rows"]
    least = outcome.threshold or 0.0
    if outcome.metric == DELETED_SHARE:
        return Held(
            f"{outcome.details['rows_deleted']} of {published} published rows would be deleted: more than {least:.0%}; "
            "nothing was changed",
            reason="too_many_deleted",
            details={**outcome.details, "max_deleted_share": least},
            outcomes=found,
        )
    return Held(
        f"the source has {rows} rows, {published} are published: fewer than {least:.0%}; nothing was changed",
        reason="empty_source" if rows == 0 else "halved_source",
        details={"rows": rows, "published_rows": published, "table_min_ratio": least},
        outcomes=found,
    )


def as_they_stay(scopes: Iterable[PlannedScope], refused: Container[str | None]) -> list[PlannedScope]:
    """The scopes with the rows that they will have: what is held as refused, or left to others, stays as it is."""
    return [
        replace(scope, rows=scope.published_rows)
        if scope.action is ScopeAction.SUPERSEDED or (scope.action is ScopeAction.HELD and scope.value in refused)
        else scope
        for scope in scopes
    ]


def empty_scope(value: str | None) -> CheckOutcome:
    """The finding that holds a scope without rows, which others have published since the plan was made."""
    return CheckOutcome(metric=SCOPE_ROWS, scope=value, value=0, threshold=1, outcome=HOLD, passed=False)


def _rows_gate(scopes: Sequence[PlannedScope], checks: Mapping[str, Any]) -> list[CheckOutcome]:
    rows, published = sum(scope.rows for scope in scopes), _published(scopes)
    least = float(checks.get("table_min_ratio", TABLE_MIN_RATIO))
    if least <= 0 or published == 0:
        return []
    return [
        CheckOutcome(
            metric=TABLE_ROWS,
            scope=None,
            value=rows,
            threshold=least,
            outcome=HOLD,
            passed=rows >= least * published and rows > 0,
            details={"rows": rows, "published_rows": published},
        )
    ]


def _published(scopes: Iterable[PlannedScope]) -> int:
    return sum(scope.published_rows for scope in scopes)


def _least_deleted(scopes: Iterable[PlannedScope]) -> int:
    """So many rows go at least, by the counts alone; a row that is replaced by another one is not seen before."""
    return sum(max(0, scope.published_rows - scope.rows) for scope in scopes)


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
                    metric=SCOPE_ROWS,
                    scope=scope.value,
                    value=scope.rows,
                    threshold=float(least) * usual,
                    outcome=HOLD,
                    passed=passed,
                )
            )
        gated.append(scope if passed else scope.held())
        before.append(max(scope.published_rows, scope.rows if passed else 0))
    return gated, outcomes
