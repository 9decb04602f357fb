from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import TableName
from shared.domain.states import Mode, Phase, RunStatus, TaskStatus
from shared.planning.readiness import Decision, Dependency, DependencyKind, Task, decide

HARD, SOFT = DependencyKind.HARD, DependencyKind.SOFT
DONE = (TaskStatus.SUCCESS, TaskStatus.WARNING, TaskStatus.NO_NEW_DATA)
BAD = (TaskStatus.HELD, TaskStatus.FAILED, TaskStatus.SKIPPED)


def table(name: str) -> TableName:
    return TableName(schema="s", name=name)


def task(name: str, status: TaskStatus = TaskStatus.QUEUED, *, priority: int = 100, owed: bool = False) -> Task:
    return Task(table=table(name), priority=priority, status=status, owed=owed)


def needs(name: str, *inputs: str, kind: DependencyKind = HARD) -> list[Dependency]:
    return [Dependency(table=table(name), depends_on=table(one), kind=kind) for one in inputs]


def names(decision: Decision) -> list[str]:
    return [one.name for one in decision.ready]


def reasons(decision: Decision) -> dict[str, str]:
    return {one.table.name: one.reason for one in decision.skipped}


def test_smaller_priority_goes_first_and_names_decide_the_rest() -> None:
    tasks = [task("d", priority=5), task("b"), task("c", priority=1), task("a")]
    assert names(decide(tasks, [])) == ["c", "d", "a", "b"]


def test_a_dependent_waits_however_urgent_it_is() -> None:
    decision = decide([task("late", priority=0), task("input", priority=900)], needs("late", "input"))
    assert names(decision) == ["input"]
    assert decision.status is RunStatus.RUNNING


def test_a_hard_dependent_follows_every_good_end_of_its_input() -> None:
    for status in DONE:
        assert names(decide([task("x"), task("input", status)], needs("x", "input"))) == ["x"]


def test_a_hard_dependent_of_a_bad_end_is_skipped_with_the_input_in_its_reason() -> None:
    for status in BAD:
        decision = decide([task("x"), task("input", status)], needs("x", "input"))
        assert names(decision) == []
        assert reasons(decision) == {"x": "input_failed: s.input"}
        assert decision.status is not RunStatus.RUNNING


def test_a_soft_dependent_only_waits_for_the_end() -> None:
    for status in (*DONE, *BAD):
        assert names(decide([task("x"), task("input", status)], needs("x", "input", kind=SOFT))) == ["x"]
    for status in (TaskStatus.QUEUED, TaskStatus.RUNNING):
        assert "x" not in names(decide([task("x"), task("input", status, owed=True)], needs("x", "input", kind=SOFT)))


def test_skips_cascade_through_hard_inputs_and_stop_at_soft_ones() -> None:
    tasks = [task("a", TaskStatus.FAILED), task("b"), task("c"), task("d"), task("e")]
    dependencies = [*needs("b", "a"), *needs("c", "b"), *needs("d", "c", kind=SOFT), *needs("e", "d")]
    decision = decide(tasks, dependencies)
    assert reasons(decision) == {"b": "input_failed: s.a", "c": "input_failed: s.b"}
    assert names(decision) == ["d"]


def test_one_failed_input_skips_at_once_though_another_still_runs() -> None:
    tasks = [task("x"), task("bad", TaskStatus.HELD), task("busy", TaskStatus.RUNNING, owed=True)]
    assert reasons(decide(tasks, needs("x", "bad", "busy"))) == {"x": "input_failed: s.bad"}


def test_an_input_outside_of_the_run_counts_as_satisfied() -> None:
    assert names(decide([task("x")], needs("x", "elsewhere"))) == ["x"]


def test_what_was_owed_before_is_not_ready_again() -> None:
    assert names(decide([task("x", owed=True)], [])) == []


def test_a_cycle_ends_with_its_path_as_the_reason_and_the_rest_goes_on() -> None:
    tasks = [task("a"), task("b"), task("after"), task("free")]
    decision = decide(tasks, [*needs("a", "b"), *needs("b", "a"), *needs("after", "a")])
    assert reasons(decision)["a"] in ("dependency_cycle: s.a -> s.b -> s.a", "dependency_cycle: s.b -> s.a -> s.b")
    assert reasons(decision)["b"] == reasons(decision)["a"]
    assert reasons(decision)["after"] == "input_failed: s.a"
    assert names(decision) == ["free"]


def test_a_run_without_tasks_has_succeeded() -> None:
    assert decide([], []) == Decision(ready=(), skipped=(), status=RunStatus.SUCCESS)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[Dependency]]:
    size = draw(st.integers(1, 8))
    edges = draw(st.sets(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1), st.sampled_from([HARD, SOFT]))))
    wanted = {(late, early): kind for late, early, kind in edges if early < late}
    return size, [
        Dependency(table=table(str(late)), depends_on=table(str(early)), kind=kind)
        for (late, early), kind in wanted.items()
    ]


@given(graph=graphs(), data=st.data())
def test_every_run_ends_and_nothing_starts_before_its_inputs(
    graph: tuple[int, list[Dependency]], data: st.DataObject
) -> None:
    size, dependencies = graph
    states = {table(str(number)): TaskStatus.QUEUED for number in range(size)}
    owed: set[TableName] = set()
    for _ in range(size + 1):
        decision = decide(_tasks(states, owed), dependencies)
        for skipped in decision.skipped:
            assert any(d.table == skipped.table and d.kind is HARD for d in dependencies)
            states[skipped.table] = TaskStatus.SKIPPED
        if decision.status is not RunStatus.RUNNING:
            break
        for one in decision.ready:
            for dependency in (d for d in dependencies if d.table == one):
                state = states[dependency.depends_on]
                assert state.done_for_dependents if dependency.kind is HARD else state.ended
        owed |= set(decision.ready)
        going = sorted(one for one in owed if not states[one].ended)
        assert going, "a run that has not ended must have work"
        for one in going:
            states[one] = data.draw(st.sampled_from([*DONE, TaskStatus.HELD, TaskStatus.FAILED]))
    assert all(state.ended for state in states.values())


def _tasks(states: dict[TableName, TaskStatus], owed: Iterable[TableName]) -> list[Task]:
    return [Task(table=one, priority=100, status=state, owed=one in owed) for one, state in states.items()]


def test_what_goes_another_way_stands_in_nobody_s_way() -> None:
    shadow, dependent = replace(task("shadow", TaskStatus.FAILED), mode=Mode.SHADOW), task("dependent")
    assert names(decide([shadow, dependent], needs("dependent", "shadow"))) == ["dependent"]
    both = [replace(one, mode=Mode.DRY_RUN) for one in (shadow, dependent)]
    assert reasons(decide(both, needs("dependent", "shadow"))) == {"dependent": "input_failed: s.shadow"}


def member(
    name: str, status: TaskStatus = TaskStatus.QUEUED, phase: Phase = Phase.PLANNING, *, group: str = "g"
) -> Task:
    return Task(table=table(name), priority=100, status=status, phase=phase, group=group, owed=phase != Phase.PLANNING)


def held(decision: Decision) -> dict[str, str]:
    return {one.table.name: one.because.name for one in decision.held}


STAGED = (TaskStatus.RUNNING, Phase.STAGED)
LOADING = (TaskStatus.RUNNING, Phase.LOADING)


def test_inside_of_a_group_a_dependent_starts_when_its_inputs_are_staged() -> None:
    for kind in (HARD, SOFT):
        inputs = needs("view", "a", "b", kind=kind)
        assert names(decide([member("view"), member("a", *STAGED), member("b", *LOADING)], inputs)) == []
        assert names(decide([member("view"), member("a", *STAGED), member("b", *STAGED)], inputs)) == ["view"]


def test_outside_of_the_group_a_dependent_waits_for_the_end() -> None:
    for other in (member("view", group="h"), task("view")):
        assert names(decide([other, member("a", *STAGED)], needs("view", "a"))) == []
        assert names(decide([other, member("a", TaskStatus.SUCCESS)], needs("view", "a"))) == ["view"]


def test_one_bad_end_holds_every_open_member_whatever_it_does() -> None:
    for bad in BAD:
        tasks = [member("a", bad), member("b", *STAGED), member("c", *LOADING), member("d"), task("free")]
        decision = decide(tasks, needs("d", "a"))
        assert held(decision) == {"b": "a", "c": "a", "d": "a"}
        assert decision.skipped == ()
        assert names(decision) == ["free"]
        assert decision.held[0].error.startswith(f"s.a is {bad}")
    assert held(decide([member("a", TaskStatus.FAILED), member("b", *STAGED, group="h")], [])) == {}


def test_holds_and_skips_go_on_from_each_other() -> None:
    tasks = [
        member("a", TaskStatus.FAILED),
        member("b"),
        task("between"),
        member("c", group="h"),
        member("d", group="h"),
        task("last"),
    ]
    dependencies = [*needs("between", "b"), *needs("c", "between"), *needs("last", "d")]
    decision = decide(tasks, dependencies)
    assert held(decision) == {"b": "a", "d": "c"}
    assert reasons(decision) == {
        "between": "input_failed: s.b",
        "c": "input_failed: s.between",
        "last": "input_failed: s.d",
    }
    assert decision.status is RunStatus.FAILED


def test_a_way_out_of_a_group_and_back_into_it_ends_instead_of_waiting_forever() -> None:
    tasks = [member("a", *STAGED), task("between"), member("b")]
    decision = decide(tasks, [*needs("between", "a"), *needs("b", "between")])
    assert reasons(decision).keys() == {"between", "b"}
    assert reasons(decision)["b"].startswith("dependency_cycle: ")
    assert held(decision) == {"a": "b"}
