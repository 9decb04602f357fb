"""The gates of a dataset that knows its reports: completeness, and the checks of its own, each report by itself.

A scope has the reports of many; one that is empty, half or faulty must not hide behind the others. It holds the scope,
and what is published stays.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from shared.domain.check_outcome import CheckOutcome
from shared.domain.dataset import Dataset
from shared.domain.errors import InvalidRegistration
from shared.domain.states import ScopeAction
from shared.planning.checks import Checks
from shared.planning.scopes import PlannedScope, Report

COMPLETENESS = "completeness"
_NAMED_REPORTS = 5

type ReportRows = Mapping[tuple[str | None, tuple[str, ...]], int]
"""Rows of a report in the target, by scope value and report."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A check of the dataset as the registry has it."""

    metric: str
    most: float
    """Largest part of a report's rows, 0 to 1, that may fail."""
    outcome: str
    """`warn` or `hold`."""


def read_reports(text: str | None, dataset: Dataset) -> tuple[Report, ...]:
    """The reports of a scope from the plan query's result: JSON objects, separated by commas."""
    found = json.loads(f"[{text or ''}]")
    rules = [name for name, value in dataset.checks.items() if isinstance(value, Mapping)]
    return tuple(
        Report(
            name=tuple(str(one[column]) for column in dataset.report_columns),
            rows=int(one["rows"]),
            delivered=int(one["delivered"]),
            failing={name: int(one.get(name) or 0) for name in rules},
        )
        for one in found
    )


def rules(dataset: Dataset, checks: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The dataset's checks, as the registry changes them. InvalidRegistration for one that the dataset lacks."""
    known = {name: value for name, value in dataset.checks.items() if isinstance(value, Mapping)}
    unknown = sorted(name for name in checks if name not in known and name not in Checks.of_every_table)
    if unknown:
        raise InvalidRegistration(
            f"checks name {', '.join(unknown)}, which {dataset.name} does not have; it has {', '.join(sorted(known))}"
        )
    found = []
    for name, usual in known.items():
        rule = {**usual, **checks.get(name, {})}
        if rule["outcome"] != "off":
            found.append(Rule(metric=name, most=float(rule["max"]), outcome=rule["outcome"]))
    return tuple(found)


def quality_gate(
    scopes: Sequence[PlannedScope],
    reports: Mapping[str | None, Sequence[Report]],
    published: ReportRows,
    *,
    dataset: Dataset,
    checks: Mapping[str, Any],
) -> tuple[list[PlannedScope], list[CheckOutcome]]:
    """Hold each changed scope with a report that fails a check whose outcome is `hold`; scopes are in their order.

    `reports`: those found, of every scope; `published`: those of the changed scopes in the target. Only what changes is
    judged; what did not is history to what comes after it.
    """
    active = rules(dataset, checks)
    history = _History(float(checks.get("scope_min_ratio") or 0), int(checks.get("scope_history", 12)))
    gated: list[PlannedScope] = []
    outcomes: list[CheckOutcome] = []
    for scope in scopes:
        found = {report.name: report for report in reports.get(scope.value, ())}
        if scope.action is ScopeAction.UNCHANGED:
            history.add(found.values())
            gated.append(scope)
            continue
        before = {name: rows for (value, name), rows in published.items() if value == scope.value}
        judged = [*history.judge(scope, found, before), *(_judge(rule, scope, found) for rule in active)]
        held = any(not one.passed and one.outcome == "hold" for one in judged)
        history.add(() if held else found.values())
        outcomes += judged
        gated.append(scope.held() if held else scope)
    return gated, outcomes


def _judge(rule: Rule, scope: PlannedScope, found: Mapping[tuple[str, ...], Report]) -> CheckOutcome:
    parts = {report.name: report.failing[rule.metric] / max(report.delivered, 1) for report in found.values()}
    failing = sorted((name for name, part in parts.items() if part > rule.most), key=lambda name: (-parts[name], name))
    rows = sum(report.failing[rule.metric] for report in found.values())
    return CheckOutcome(
        metric=rule.metric,
        scope=scope.value,
        value=max(parts.values(), default=0.0),
        threshold=rule.most,
        outcome=rule.outcome,
        passed=not failing,
        details=_details(failing, rows=rows),
    )


class _History:
    """How many rows each report has usually had, scope after scope."""

    def __init__(self, least: float, length: int) -> None:
        self._least = least
        self._length = length
        self._delivered: dict[tuple[str, ...], list[int]] = defaultdict(list)

    def add(self, reports: Iterable[Report]) -> None:
        for report in reports:
            self._delivered[report.name].append(report.delivered)

    def judge(
        self, scope: PlannedScope, found: Mapping[tuple[str, ...], Report], published: Mapping[tuple[str, ...], int]
    ) -> list[CheckOutcome]:
        """Completeness of the scope, by its worst report; nothing where there is no such gate."""
        if not self._least:
            return []
        # A scope that is wholly empty, and a report that is gone from it, are compared with what is published.
        counts = {name: self._count(name, found.get(name), rows) for name, rows in published.items()}
        counts |= {name: self._count(name, report, published.get(name, 0)) for name, report in found.items()}
        if not counts:
            counts[()] = (scope.rows, 1.0 if scope.rows == 0 and scope.published_rows else 0.0)
        failing = [name for name, (rows, least) in counts.items() if rows < least]
        failing.sort(key=lambda name: (counts[name][0] / counts[name][1], name))
        worst = failing[0] if failing else min(counts, key=lambda name: counts[name][0] - counts[name][1])
        rows, least = counts[worst]
        return [
            CheckOutcome(
                metric=COMPLETENESS,
                scope=scope.value,
                value=rows,
                threshold=least,
                outcome="hold",
                passed=not failing,
                details=_details(failing),
            )
        ]

    def _count(self, name: tuple[str, ...], report: Report | None, published: int) -> tuple[int, float]:
        """Rows, and the least that there have to be."""
        before = self._delivered[name][-self._length :]
        if report is None:
            return 0, max(self._least * (median(before) if before else published), 1.0 if published else 0.0)
        if before:
            return report.delivered, self._least * median(before)
        return report.rows, self._least * published


def _details(failing: Sequence[tuple[str, ...]], **more: int) -> dict[str, Any]:
    named = [" / ".join(name) for name in failing[:_NAMED_REPORTS]]
    return ({"reports": named, "reports_failing": len(failing)} if failing else {}) | more
