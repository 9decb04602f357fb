"""What the tables of a publish group do to each other's scopes, and in which order views come."""

from __future__ import annotations

import pytest

from shared.domain.errors import Held
from shared.domain.ids import TableName
from shared.domain.scope import Scope
from shared.domain.states import ScopeAction, TaskStatus
from shared.planning.groups import Settled, group_held, held_together, inputs_first
from shared.planning.scopes import PlannedScope
from shared.planning.settlement import Settlement

WEEKLY = Scope(column="day", source_type="DATE", target_type="date", bucket="week")
C, U, V, H, S = (
    ScopeAction.CHANGED,
    ScopeAction.UNCHANGED,
    ScopeAction.VANISHED,
    ScopeAction.HELD,
    ScopeAction.SUPERSEDED,
)


def named(name: str) -> TableName:
    return TableName(schema="s", name=name)


def settled(name: str, scope: Scope | None = WEEKLY, **actions: ScopeAction) -> Settled:
    scopes = tuple(PlannedScope(value=value, action=action, rows=1) for value, action in actions.items())
    return Settled(table=named(name), scope=scope, settlement=Settlement(scopes=scopes, to_load=()))


def test_nothing_is_held_where_nobody_holds() -> None:
    tables = [settled("a", w1=C, w2=U), settled("b", w1=V), settled("c", None, all=C), settled("d", w1=S), settled("e")]
    assert set(map(frozenset, held_together(tables).values())) == {frozenset()}


def test_what_one_holds_the_others_leave_alone_if_they_would_write_it() -> None:
    tables = [settled("a", w1=H, w2=C), settled("b", w1=C, w2=C, w3=C), settled("c", w1=U, w2=V), settled("d", w1=U)]
    assert held_together(tables) == {named("a"): set(), named("b"): {"w1"}, named("c"): set(), named("d"): set()}


def test_holds_of_several_tables_add_up() -> None:
    tables = [settled("a", w1=H, w2=C, w3=C), settled("b", w1=C, w2=H, w3=C)]
    assert held_together(tables) == {named("a"): {"w2"}, named("b"): {"w1"}}
    with pytest.raises(Held, match=r"s\.a has nothing to publish"):
        held_together([settled("a", w1=H, w2=C), settled("b", w1=C, w2=H, w3=C)])


def test_a_table_that_holds_all_it_has_holds_the_group() -> None:
    with pytest.raises(Held, match=r"1 scope\(s\) of s\.a are held, and without them s\.a has nothing") as caught:
        held_together([settled("a", w1=H, w2=U), settled("b", w2=C)])
    assert (caught.value.about, caught.value.reason) == (named("a"), "scopes_held")


@pytest.mark.parametrize("scope", [None, Scope(column="day", source_type="DATE", target_type="date")])
def test_scopes_of_another_division_cannot_be_compared(scope: Scope | None) -> None:
    with pytest.raises(Held, match="not divided in the same way"):
        held_together([settled("a", w1=H, w2=C), settled("b", scope, w1=C)])
    assert held_together([settled("a", w1=H, w2=C), settled("b", scope, w1=U)])[named("b")] == set()


def test_views_come_after_those_that_they_read() -> None:
    a, b, c = named("a"), named("b"), named("c")
    assert inputs_first([a, b, c], {a: [b, named("elsewhere")], b: [c]}) == [c, b, a]
    assert inputs_first([c, b, a], {}) == [a, b, c]


def test_the_reason_names_the_table_and_its_end() -> None:
    assert group_held(named("a"), TaskStatus.FAILED, "duplicate_key").startswith("s.a is failed (duplicate_key), and")
    assert group_held(named("a"), TaskStatus.HELD, None).startswith("s.a is held, and")
