"""Claims: who may work on a task or a slice, by a lease and an epoch that the database keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.ids import TableName, TaskId
from shared.domain.states import Phase
from shared.ports import Row
from shared.refresh.runtime import Runtime
from shared.sql import statement


@dataclass(frozen=True, kw_only=True)
class TaskClaim:
    """The right to plan or publish a task."""

    task: TaskId
    epoch: int
    attempt: int

    @property
    def parameters(self) -> dict[str, Any]:
        """What every statement about the claim binds."""
        return task_parameters(self.task) | {"epoch": self.epoch}

    @property
    def parts(self) -> tuple[TaskClaim]:
        """The claims that have to hold together."""
        return (self,)

    fence = "fence_task"
    marker = "task_marker"
    renewal = "renew_task_lease"


@dataclass(frozen=True, kw_only=True)
class SliceClaim:
    """The right to read and stage a slice; `checkpoint` is the row as claimed."""

    task: TaskId
    slice_no: int
    epoch: int
    attempt: int
    checkpoint: Row

    @property
    def parameters(self) -> dict[str, Any]:
        """What every statement about the claim binds."""
        return task_parameters(self.task) | {"slice_no": self.slice_no, "epoch": self.epoch}

    @property
    def parts(self) -> tuple[SliceClaim]:
        """The claims that have to hold together."""
        return (self,)

    fence = "fence_slice"
    marker = "slice_marker"
    renewal = "renew_slice_lease"


@dataclass(frozen=True, kw_only=True)
class UnitClaim:
    """The right to publish tables together: one, or several whose claims hold or fall together."""

    task: TaskId
    """The task that the worker's message names."""
    members: tuple[TaskClaim, ...]
    """In the order (schema, name), in which everything of several tables is locked."""

    @property
    def parts(self) -> tuple[TaskClaim, ...]:
        """The claims that have to hold together."""
        return self.members

    @property
    def attempt(self) -> int:
        """Claims since that member made progress which has been tried most often."""
        return max(member.attempt for member in self.members)


Claim = TaskClaim | SliceClaim | UnitClaim


def task_parameters(task: TaskId) -> dict[str, Any]:
    """A task's key as statements bind it."""
    return {"run_id": task.run_id, "schema": task.table.schema, "name": task.table.name}


def claim_task(runtime: Runtime, task: TaskId, *, phases: Sequence[Phase], phase: Phase) -> TaskClaim | None:
    """Claim the task in one of `phases` and set it to `phase`; None when somebody holds it or it is not due."""
    with runtime.store.transaction() as session:
        rows = session.run(
            statement("claim_task"),
            **task_parameters(task),
            phases=[str(one) for one in phases],
            phase=str(phase),
            lease_seconds=runtime.limits.lease,
        )
    if not rows:
        return None
    return TaskClaim(task=task, epoch=rows[0]["epoch"], attempt=rows[0]["attempt"])


def claim_unit(runtime: Runtime, task: TaskId) -> UnitClaim | None:
    """Claim the task with all tables that publish together with it; None unless every one is staged, free and due."""
    with runtime.store.transaction() as session:
        session.run(statement("lock_unit"), **task_parameters(task))
        rows = session.run(statement("claim_unit"), **task_parameters(task), lease_seconds=runtime.limits.lease)
    members = [
        TaskClaim(
            task=TaskId(run_id=task.run_id, table=TableName(schema=row["table_schema"], name=row["table_name"])),
            epoch=row["epoch"],
            attempt=row["attempt"],
        )
        for row in rows
    ]
    if not members:
        return None
    return UnitClaim(task=task, members=tuple(sorted(members, key=lambda member: member.task.table)))


def claim_slice(runtime: Runtime, task: TaskId) -> SliceClaim | None:
    """Claim the task's next free slice; None when there is none."""
    with runtime.store.transaction() as session:
        rows = session.run(statement("claim_slice"), **task_parameters(task), lease_seconds=runtime.limits.lease)
    if not rows:
        return None
    row = rows[0]
    return SliceClaim(task=task, slice_no=row["slice_no"], epoch=row["epoch"], attempt=row["attempt"], checkpoint=row)
