"""Which tables of a run may start, which never will, which their group holds, and whether the run is complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from shared.domain.ids import TableName
from shared.domain.states import Mode, Phase, RunStatus, TaskStatus, run_status
from shared.planning.groups import group_held

INPUT_FAILED = "input_failed"
DEPENDENCY_CYCLE = "dependency_cycle"


class DependencyKind(StrEnum):
    HARD = "hard"
    SOFT = "soft"


@dataclass(frozen=True, kw_only=True)
class Task:
    """A table of a run, as far as the order of work is concerned."""

    table: TableName
    priority: int
    """Smaller first."""
    status: TaskStatus
    mode: Mode = Mode.LIVE
    phase: Phase = Phase.PLANNING
    group: str | None = None
    """The publish group that it is part of in this run."""
    owed: bool = False
    """Whether a message for it was put into the outbox before."""

    @property
    def staged(self) -> bool:
        """Whether everything is there for it to be published."""
        return not self.status.ended and self.phase in (Phase.STAGED, Phase.PUBLISHING)

    @property
    def unit(self) -> str:
        """What it is published with: its group, or itself."""
        return f"group {self.group}" if self.group else str(self.table)


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """`table` waits for `depends_on`: hard needs its success, soft only its end."""

    table: TableName
    depends_on: TableName
    kind: DependencyKind


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A queued task that will never be ready, and why."""

    table: TableName
    reason: str


@dataclass(frozen=True, kw_only=True)
class HeldWithGroup:
    """An open task whose publish group cannot publish any more, because of the end that another table came to."""

    table: TableName
    because: TableName
    error: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What follows from the states of a run's tasks."""

    ready: tuple[TableName, ...]
    """To be owed a message now, in this order; none of them was before."""
    skipped: tuple[Skipped, ...]
    """In topological order, cascades included."""
    status: RunStatus
    """The run's, once the skips and holds are written."""
    held: tuple[HeldWithGroup, ...] = ()


def decide(tasks: Sequence[Task], dependencies: Iterable[Dependency]) -> Decision:
    """Decide about every open task.

    An input that is no task of the run counts as satisfied, and so does one that goes another way: what a dry run comes
    to says nothing about the data that a live table is computed from. Inside of a publish group it is enough that the
    input is staged. A verification waits for nothing.
    """
    by_table = {task.table: task for task in tasks}
    inputs: dict[TableName, list[Dependency]] = {table: [] for table in by_table}
    for dependency in dependencies:
        table, before = by_table.get(dependency.table), by_table.get(dependency.depends_on)
        if table and before and table.mode is before.mode and table.mode is not Mode.VERIFY:
            inputs[dependency.table].append(dependency)
    statuses = {table: task.status for table, task in by_table.items()}
    skipped = _detours(by_table, inputs, statuses)
    held: list[HeldWithGroup] = []
    found = True
    while found:
        more_held, more_skipped = _hold(by_table, statuses), _skip(by_table, inputs, statuses)
        held += more_held
        skipped += more_skipped
        found = bool(more_held or more_skipped)
    ready = [
        task
        for table, task in by_table.items()
        if statuses[table] is TaskStatus.QUEUED
        and not task.owed
        and all(_satisfied(dependency, by_table, statuses) for dependency in inputs[table])
    ]
    ready.sort(key=lambda task: (task.priority, task.table))
    return Decision(
        ready=tuple(task.table for task in ready),
        skipped=tuple(skipped),
        status=run_status(list(statuses.values())),
        held=tuple(held),
    )


def _satisfied(
    dependency: Dependency, tasks: Mapping[TableName, Task], statuses: Mapping[TableName, TaskStatus]
) -> bool:
    table, needed = tasks[dependency.table], tasks[dependency.depends_on]
    together = table.group is not None and table.group == needed.group
    return statuses[needed.table].ended or (together and needed.staged)


def _hold(tasks: Mapping[TableName, Task], statuses: dict[TableName, TaskStatus]) -> list[HeldWithGroup]:
    """Find the open tasks of groups of which a table was held, has failed or was skipped, and mark them in
    `statuses`."""
    causes: dict[str, TableName] = {}
    for table, task in sorted(tasks.items()):
        if task.group is not None and statuses[table].ended and not statuses[table].done_for_dependents:
            causes.setdefault(task.group, table)
    held = [
        HeldWithGroup(table=table, because=cause, error=group_held(cause, statuses[cause], None))
        for table, task in sorted(tasks.items())
        if not statuses[table].ended and (cause := causes.get(task.group or "")) is not None
    ]
    statuses.update({one.table: TaskStatus.HELD for one in held})
    return held


def _detours(
    tasks: Mapping[TableName, Task],
    inputs: Mapping[TableName, Sequence[Dependency]],
    statuses: dict[TableName, TaskStatus],
) -> list[Skipped]:
    """Find what would wait for itself by way of a publish group, in which nobody ends before all do; mark it in
    `statuses`."""
    waiting: dict[str, set[str]] = {task.unit: set() for task in tasks.values() if not task.status.ended}
    for needed in inputs.values():
        for dependency in needed:
            table, one = tasks[dependency.table], tasks[dependency.depends_on]
            if table.unit != one.unit and not table.status.ended and not one.status.ended:
                waiting[table.unit].add(one.unit)
    _, cycles = _topological({unit: sorted(waiting[unit]) for unit in sorted(waiting)})
    skipped = [
        Skipped(table=table, reason=f"{DEPENDENCY_CYCLE}: {' -> '.join([*cycle, cycle[0]])}")
        for cycle in cycles
        for table, task in sorted(tasks.items())
        if task.unit in cycle and task.status is TaskStatus.QUEUED
    ]
    statuses.update({one.table: TaskStatus.SKIPPED for one in skipped})
    return skipped


def _skip(
    tasks: Mapping[TableName, Task],
    inputs: Mapping[TableName, Sequence[Dependency]],
    statuses: dict[TableName, TaskStatus],
) -> list[Skipped]:
    """Find what can never start, in topological order, and mark it in `statuses` so that it cascades."""
    waiting = {
        table: sorted(
            dependency.depends_on
            for dependency in inputs[table]
            if statuses[dependency.depends_on] is TaskStatus.QUEUED
        )
        for table in sorted(tasks)
        if statuses[table] is TaskStatus.QUEUED
    }
    order, cycles = _topological(waiting)
    skipped = [
        Skipped(table=table, reason=f"{DEPENDENCY_CYCLE}: {' -> '.join(map(str, [*cycle, cycle[0]]))}")
        for cycle in cycles
        for table in cycle
    ]
    statuses.update({one.table: TaskStatus.SKIPPED for one in skipped})
    for table in order:
        failed = [dependency.depends_on for dependency in inputs[table] if _blocks(dependency, statuses)]
        if failed:
            statuses[table] = TaskStatus.SKIPPED
            skipped.append(Skipped(table=table, reason=f"{INPUT_FAILED}: {', '.join(map(str, sorted(failed)))}"))
    return skipped


def _blocks(dependency: Dependency, statuses: Mapping[TableName, TaskStatus]) -> bool:
    status = statuses[dependency.depends_on]
    return dependency.kind is DependencyKind.HARD and status.ended and not status.done_for_dependents


def _topological[T](waiting: Mapping[T, Sequence[T]]) -> tuple[list[T], list[list[T]]]:
    """The tables or units, inputs first, and the cycles, which the database refuses but a restored one might hold."""
    cycles: list[list[T]] = []
    graph = dict(waiting)
    while True:
        try:
            return list(TopologicalSorter(graph).static_order()), cycles
        except CycleError as error:
            cycle = error.args[1][1:]
            cycles.append(cycle)
            graph = {
                table: [one for one in before if one not in cycle]
                for table, before in graph.items()
                if table not in cycle
            }
