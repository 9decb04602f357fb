"""Which tables of a run may start, which never will, and whether the run is complete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter

from shared.domain.ids import TableName
from shared.domain.states import Mode, RunStatus, TaskStatus, run_status

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
    owed: bool = False
    """Whether a message for it was put into the outbox before."""


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
class Decision:
    """What follows from the states of a run's tasks."""

    ready: tuple[TableName, ...]
    """To be owed a message now, in this order; none of them was before."""
    skipped: tuple[Skipped, ...]
    """In topological order, cascades included."""
    status: RunStatus
    """The run's, once the skips are written."""


def decide(tasks: Sequence[Task], dependencies: Iterable[Dependency]) -> Decision:
    """Decide about every queued task.

    An input that is no task of the run counts as satisfied, and so does one that goes another way: what a dry run comes
    to says nothing about the data that a live table is computed from. A verification waits for nothing.
    """
    by_table = {task.table: task for task in tasks}
    inputs: dict[TableName, list[Dependency]] = {table: [] for table in by_table}
    for dependency in dependencies:
        table, before = by_table.get(dependency.table), by_table.get(dependency.depends_on)
        if table and before and table.mode is before.mode and table.mode is not Mode.VERIFY:
            inputs[dependency.table].append(dependency)
    statuses = {table: task.status for table, task in by_table.items()}
    skipped = _skip(by_table, inputs, statuses)
    ready = [
        task
        for table, task in by_table.items()
        if statuses[table] is TaskStatus.QUEUED
        and not task.owed
        and all(statuses[dependency.depends_on].ended for dependency in inputs[table])
    ]
    ready.sort(key=lambda task: (task.priority, task.table))
    return Decision(
        ready=tuple(task.table for task in ready),
        skipped=tuple(skipped),
        status=run_status(list(statuses.values())),
    )


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
            if tasks[dependency.depends_on].status is TaskStatus.QUEUED
        )
        for table, task in sorted(tasks.items())
        if task.status is TaskStatus.QUEUED
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


def _topological(waiting: Mapping[TableName, Sequence[TableName]]) -> tuple[list[TableName], list[list[TableName]]]:
    """The tables, inputs first, and the cycles, which the database refuses but a restored one might hold."""
    cycles: list[list[TableName]] = []
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
