from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.states import ScopeAction
from shared.planning.scopes import PlannedScope
from shared.planning.slices import plan_slices


def scope(value: str | None, rows: int, action: ScopeAction = ScopeAction.CHANGED) -> PlannedScope:
    return PlannedScope(
        value=value, action=action, rows=rows, rows_read=rows * 2, figures={"id": {"count": rows, "min": str(-rows)}}
    )


def packs(*rows: int, target: int = 10) -> list[list[int]]:
    slices = plan_slices([scope(str(n), count) for n, count in enumerate(rows)], target_rows=target)
    return [[rows[int(value or 0)] for value in one.scopes] for one in slices]


def test_scopes_are_packed_up_to_the_target_and_never_divided() -> None:
    assert packs(4, 6, 1, 9, 10, 11, 25, 1, 1) == [[4, 6], [1, 9], [10], [11], [25], [1, 1]]


def test_a_scope_without_rows_is_packed_too() -> None:
    assert packs(0, 10, 0, 1) == [[0, 10, 0], [1]]


def test_numbers_go_on_where_they_are_told_to() -> None:
    slices = plan_slices([scope("a", 9), scope("b", 9)], target_rows=10, first_number=3)
    assert [one.number for one in slices] == [3, 4]


def test_figures_are_those_of_all_scopes_together() -> None:
    (one,) = plan_slices([scope("a", 2), scope("b", 3)], target_rows=10)
    assert (one.rows, one.rows_read) == (5, 10)
    assert one.figures == {"id": {"count": 5, "min": "-3"}}


planned = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(list(ScopeAction))), max_size=40)


@given(planned=planned, target=st.integers(1, 40))
def test_every_changed_scope_is_in_exactly_one_slice(planned: list[tuple[int, ScopeAction]], target: int) -> None:
    scopes = [scope(None if n == 0 else f"{n:03}", rows, action) for n, (rows, action) in enumerate(planned)]
    slices = plan_slices(scopes, target_rows=target)
    changed = [one for one in scopes if one.action is ScopeAction.CHANGED]
    assert [value for one in slices for value in one.scopes] == [one.value for one in changed]
    assert [one.number for one in slices] == list(range(len(slices)))
    sizes = {one.value: one.rows for one in changed}
    for one in slices:
        assert one.rows == sum(sizes[value] for value in one.scopes)
        assert one.rows_read == 2 * one.rows
        assert one.rows <= target or sum(1 for value in one.scopes if sizes[value]) == 1
    for one, following in itertools.pairwise(slices):
        assert one.rows + sizes[following.scopes[0]] > target
