"""The gates of a dataset that knows its reports."""

from collections.abc import Mapping
from typing import Any

import pytest

from functions.search_queries.dataset import SEARCH_QUERY_PERFORMANCE
from shared.domain.check_outcome import CheckOutcome
from shared.domain.errors import InvalidRegistration
from shared.domain.states import ScopeAction
from shared.planning.quality import quality_gate, read_reports, rules
from shared.planning.scopes import PlannedScope, Report

type Name = tuple[str, ...]
A: Name = ("a", "US", "WEEK")
B: Name = ("b", "US", "WEEK")
_MONTH: Name = ("a", "US", "MONTH")
CHECKS = SEARCH_QUERY_PERFORMANCE.checks


def _report(name: Name, delivered: int, **failing: int) -> Report:
    counts = {rule.metric: 0 for rule in rules(SEARCH_QUERY_PERFORMANCE, CHECKS)}
    return Report(name=name, rows=delivered, delivered=delivered, failing=counts | failing)


def _gate(
    weeks: Mapping[str, Mapping[Name, int]],
    *,
    unchanged: tuple[str, ...] = (),
    published: Mapping[tuple[str | None, Name], int] | None = None,
    checks: Mapping[str, Any] = CHECKS,
    failing: Mapping[str, Mapping[str, int]] | None = None,
) -> tuple[dict[str | None, bool], dict[tuple[str | None, str], CheckOutcome]]:
    """Weeks, each with the rows of its reports; whether each is held, and the outcomes by week and metric."""
    before = published or {}
    scopes = [
        PlannedScope(
            value=week,
            action=ScopeAction.UNCHANGED if week in unchanged else ScopeAction.CHANGED,
            rows=sum(rows.values()),
            published_rows=sum(count for (value, _), count in before.items() if value == week),
        )
        for week, rows in weeks.items()
    ]
    reports: dict[str | None, list[Report]] = {
        week: [_report(name, count, **(failing or {}).get(week, {})) for name, count in rows.items()]
        for week, rows in weeks.items()
    }
    gated, outcomes = quality_gate(scopes, reports, before, dataset=SEARCH_QUERY_PERFORMANCE, checks=checks)
    return (
        {scope.value: scope.action is ScopeAction.HELD for scope in gated},
        {(one.scope, one.metric): one for one in outcomes},
    )


def test_a_half_delivery_of_one_client_does_not_hide_behind_the_other() -> None:
    held, outcomes = _gate({"w1": {A: 100, B: 100}, "w2": {A: 100, B: 100}, "w3": {A: 160, B: 49}})
    assert held == {"w1": False, "w2": False, "w3": True}
    outcome = outcomes["w3", "completeness"]
    assert (outcome.value, outcome.threshold, outcome.passed) == (49, 50, False)
    assert outcome.details["reports"] == ["b / US / WEEK"]


def test_half_of_the_median_is_enough() -> None:
    held, _ = _gate({"w1": {A: 100}, "w2": {A: 100}, "w3": {A: 50}})
    assert not any(held.values())


def test_the_median_is_of_the_last_twelve_and_of_nothing_held() -> None:
    weeks = {f"w{n:02}": {A: 1_000} for n in range(3)} | {f"w{n:02}": {A: 100} for n in range(3, 30)}
    held, _ = _gate(weeks, unchanged=tuple(weeks)[:15])
    assert not any(held.values())
    held, _ = _gate(weeks)
    assert all(held[week] for week in list(weeks)[3:])


def test_months_are_not_measured_by_weeks() -> None:
    held, _ = _gate({"w1": {A: 1_000}, "w2": {A: 1_000}, "w3": {_MONTH: 10}, "w4": {A: 900}})
    assert not any(held.values())


def test_a_report_that_is_gone_from_its_scope_holds_it() -> None:
    held, outcomes = _gate({"w1": {A: 100}}, published={("w1", A): 100, ("w1", B): 3})
    assert held["w1"]
    assert outcomes["w1", "completeness"].value == 0


def test_an_empty_scope_is_held_and_a_new_one_is_not() -> None:
    held, _ = _gate({"w1": {}}, published={("w1", A): 100})
    assert held["w1"]
    held, _ = _gate({"w1": {A: 1}})
    assert not held["w1"]


def test_a_first_period_is_measured_by_what_is_published() -> None:
    assert _gate({"w1": {A: 49}}, published={("w1", A): 100})[0]["w1"]
    assert not _gate({"w1": {A: 50}}, published={("w1", A): 100})[0]["w1"]


def test_without_the_ratio_nothing_is_measured() -> None:
    held, outcomes = _gate({"w1": {A: 100}, "w2": {A: 1}}, checks={**CHECKS, "scope_min_ratio": 0})
    assert not any(held.values())
    assert ("w2", "completeness") not in outcomes


def test_warnings_are_recorded_and_hold_nothing() -> None:
    held, outcomes = _gate({"w1": {A: 10}}, failing={"w1": {"own_exceeds_total": 2}})
    assert not held["w1"]
    outcome = outcomes["w1", "own_exceeds_total"]
    assert (outcome.value, outcome.threshold, outcome.outcome, outcome.passed) == (0.2, 0, "warn", False)
    assert outcome.details == {"reports": ["a / US / WEEK"], "reports_failing": 1, "rows": 2}


@pytest.mark.parametrize("metric", ["share_unit_ambiguous", "own_counts_missing", "period_not_whole", "negative_count"])
def test_faults_hold_their_scope_alone(metric: str) -> None:
    held, _ = _gate({"w1": {A: 10}, "w2": {A: 10}}, failing={"w2": {metric: 1}})
    assert held == {"w1": False, "w2": True}


@pytest.mark.parametrize(
    ("rule", "holds", "passes"),
    [
        ({"max": 0.2}, False, True),
        ({"max": 0.1}, False, False),
        ({"outcome": "hold"}, True, False),
        ({"outcome": "hold", "max": 0.5}, False, True),
    ],
)
def test_the_registry_changes_thresholds_and_outcomes(rule: dict[str, Any], holds: bool, passes: bool) -> None:
    checks = {**CHECKS, "own_exceeds_total": rule}
    held, outcomes = _gate({"w1": {A: 10}}, failing={"w1": {"own_exceeds_total": 2}}, checks=checks)
    assert held["w1"] is holds
    assert outcomes["w1", "own_exceeds_total"].passed is passes


def test_a_check_can_be_off_and_an_unknown_one_is_refused() -> None:
    _, outcomes = _gate({"w1": {A: 10}}, checks={**CHECKS, "duplicate_keys": {"outcome": "off"}})
    assert ("w1", "duplicate_keys") not in outcomes
    with pytest.raises(InvalidRegistration, match=r"checks name weekday.*it has duplicate_keys, "):
        rules(SEARCH_QUERY_PERFORMANCE, {**CHECKS, "weekday": {"max": 0}})


def test_what_did_not_change_is_not_judged_again() -> None:
    held, outcomes = _gate(
        {"w1": {A: 10}, "w2": {A: 1}}, unchanged=("w1", "w2"), failing={"w2": {"own_counts_missing": 1}}
    )
    assert not any(held.values())
    assert outcomes == {}


def test_reports_are_read_from_the_plan_query() -> None:
    text = (
        '{"client_id":"a","marketplace_id":"US","report_period":"WEEK","rows":"3","delivered":4,"share_differs":1},'
        '{"client_id":"b","marketplace_id":"US","report_period":"WEEK","rows":5,"delivered":5}'
    )
    first, second = read_reports(text, SEARCH_QUERY_PERFORMANCE)
    assert (first.name, first.rows, first.delivered, first.failing["share_differs"]) == (A, 3, 4, 1)
    assert (second.name, set(second.failing.values())) == (B, {0})
    assert read_reports(None, SEARCH_QUERY_PERFORMANCE) == ()
