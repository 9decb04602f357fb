"""A range cut into windows: everything that has to be done, once, in order, and nothing that the gates would hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.planning.backfill import Gates, RangeScope, Window, windows


def scope(value: str, rows: int, published: int = 0, *, loads: bool = True, vanished: bool = False) -> RangeScope:
    return RangeScope(value=value, rows=rows, published_rows=published, loads=loads, vanished=vanished)


def test_windows_are_as_large_as_they_may_be() -> None:
    cut = windows([scope("a", 3), scope("b", 3), scope("c", 9), scope("d", 1)], target_rows=6, gates=Gates())
    assert [(one.scope_from, one.scope_to, one.rows) for one in cut] == [("a", "b", 6), ("c", "c", 9), ("d", "d", 1)]


def test_a_day_that_is_gone_is_judged_beside_others() -> None:
    gone = scope("b", 0, 5, loads=False, vanished=True)
    cut = windows([scope("a", 5), gone, scope("c", 5)], target_rows=5, gates=Gates())
    assert [(one.scope_from, one.scope_to) for one in cut] == [("a", "b"), ("c", "c")]
    cut = windows([scope("a", 5, 5, loads=False), gone], target_rows=5, gates=Gates())
    assert [(one.scope_from, one.scope_to, one.scopes) for one in cut] == [("a", "b", 1)]


def test_nothing_to_do_is_no_window() -> None:
    assert windows([scope("a", 5, 5, loads=False)], target_rows=5, gates=Gates()) == []


scopes = st.lists(
    st.builds(
        lambda rows, published, kind: (rows, published, kind),
        st.integers(1, 9),
        st.integers(0, 9),
        st.sampled_from(["loads", "vanished", "unchanged"]),
    ),
    max_size=12,
)


@given(scopes, st.integers(1, 20))
def test_everything_is_done_once_and_the_gates_let_it_pass(drawn: list[tuple[int, int, str]], target: int) -> None:
    listed = [
        scope(
            f"{n:02}",
            0 if kind == "vanished" else rows,
            rows if kind != "loads" else published,
            loads=kind == "loads",
            vanished=kind == "vanished",
        )
        for n, (rows, published, kind) in enumerate(drawn)
    ]
    gates = Gates()
    cut = windows(listed, target_rows=target, gates=gates)
    covered = [one.value for window in cut for one in within(window, listed)]
    assert covered == sorted(set(covered))
    assert {one.value for one in listed if one.waits} <= set(covered)
    if gates.admit(listed):
        assert all(gates.admit(within(window, listed)) for window in cut)


def within(window: Window, scopes: list[RangeScope]) -> list[RangeScope]:
    return [one for one in scopes if window.scope_from <= one.value <= window.scope_to]
