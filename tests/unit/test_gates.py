from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import Held
from shared.domain.states import ScopeAction
from shared.planning.gates import scope_gate, table_gate
from shared.planning.scopes import PlannedScope

GATED = {"scope_min_ratio": 0.5}


def scope(
    rows: int, published: int = 0, action: ScopeAction = ScopeAction.CHANGED, value: str | None = "a"
) -> PlannedScope:
    return PlannedScope(value=value, action=action, rows=rows, published_rows=published)


def held(scopes: list[PlannedScope], checks: Mapping[str, Any] | None = None) -> str | None:
    try:
        table_gate(scopes, checks=checks or {})
    except Held as error:
        return error.reason
    return None


def rows_held(*scopes: PlannedScope, **checks: Any) -> list[int]:
    gated, outcomes = scope_gate(scopes, checks=GATED | checks)
    assert [one.passed for one in outcomes] == [
        after.action is not ScopeAction.HELD
        for before, after in zip(scopes, gated, strict=True)
        if before.action is not ScopeAction.UNCHANGED
    ]
    return [one.rows for one in gated if one.action is ScopeAction.HELD]


@pytest.mark.parametrize(
    ("rows", "published", "reason"),
    [
        (0, 0, None),
        (5, 0, None),
        (0, 1, "empty_source"),
        (1, 2, None),
        (50, 100, None),
        (49, 100, "halved_source"),
        (1000, 100, None),
    ],
)
def test_the_table_gate_compares_with_what_is_published(rows: int, published: int, reason: str | None) -> None:
    assert held([scope(rows, published)]) == reason


def test_the_table_gate_looks_at_all_scopes_together() -> None:
    scopes = [scope(0, 40, ScopeAction.VANISHED), scope(50, 0), scope(10, 60, ScopeAction.UNCHANGED)]
    assert held(scopes) is None
    assert held(scopes[:1]) == "empty_source"


def test_the_registry_may_move_the_table_gate() -> None:
    assert held([scope(49, 100)], {"table_min_ratio": 0.4}) is None
    assert held([scope(89, 100)], {"table_min_ratio": 0.9}) == "halved_source"
    assert held([scope(0, 100)], {"table_min_ratio": 0}) is None


def test_a_held_table_tells_its_figures() -> None:
    with pytest.raises(Held, match="the source has 1 rows, 100 are published") as caught:
        table_gate([scope(1, 100)], checks={})
    assert caught.value.details == {"rows": 1, "published_rows": 100, "table_min_ratio": 0.5}


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=8))
def test_nothing_good_is_deleted_by_nothing(counts: list[tuple[int, int]]) -> None:
    scopes = [scope(rows, published) for rows, published in counts]
    rows, published = (sum(one) for one in zip(*counts, strict=True)) if counts else (0, 0)
    assert (held(scopes) is not None) == (published > 0 and (rows == 0 or rows < published / 2))


def test_without_a_scope_gate_vanished_scopes_pass() -> None:
    scopes = [scope(0, 9, ScopeAction.VANISHED), scope(1, 900)]
    assert scope_gate(scopes, checks={}) == (scopes, [])


def test_empty_and_halved_scopes_are_held_by_the_scopes_before_them() -> None:
    assert rows_held(scope(100, 100), scope(49, 0), scope(50, 0), scope(0, 70, ScopeAction.VANISHED)) == [49, 0]


def test_the_first_scope_is_compared_with_itself() -> None:
    assert rows_held(scope(49, 100)) == [49]
    assert rows_held(scope(50, 100)) == []
    assert rows_held(scope(1, 0)) == []


def test_an_unchanged_scope_is_never_held() -> None:
    assert rows_held(scope(100, 100), scope(2, 2, ScopeAction.UNCHANGED)) == []


def test_the_usual_is_the_median_of_the_last_ones() -> None:
    series = [scope(rows, rows, ScopeAction.UNCHANGED) for rows in (1000, 1000, 10, 10, 10)]
    assert rows_held(*series, scope(6), scope_history=3) == []
    assert rows_held(*series, scope(6), scope_history=5) == []
    assert rows_held(*series[:4], scope(6), scope_history=4) == [6]


def test_one_bad_delivery_does_not_lower_the_bar_for_the_next() -> None:
    assert rows_held(scope(100, 100), scope(10, 100), scope(10, 100), scope(10, 100)) == [10, 10, 10]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.sampled_from([*ScopeAction][:3])), max_size=20),
)
def test_a_scope_gate_changes_nothing_but_what_it_holds(counts: list[tuple[int, int, ScopeAction]]) -> None:
    scopes = [scope(*one, value=str(n)) for n, one in enumerate(counts)]
    gated, outcomes = scope_gate(scopes, checks=GATED)
    assert [one.value for one in gated] == [one.value for one in scopes]
    assert len(outcomes) == sum(one.action is not ScopeAction.UNCHANGED for one in scopes)
    for before, after in zip(scopes, gated, strict=True):
        assert after in (before, before.held())
        if before.rows == 0 and before.action is not ScopeAction.UNCHANGED:
            assert after.action is ScopeAction.HELD
