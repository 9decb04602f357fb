"""Evolution on the path: the target is changed, and the source's schema remembered, with the publish that needs it."""

from __future__ import annotations

import json

from shared.domain.definition import Definition
from shared.domain.errors import StoreRefused
from shared.domain.ids import TaskId
from shared.domain.states import Mode
from shared.ports import Session
from shared.refresh.claim import UnitClaim, task_parameters
from shared.refresh.drift import hold
from shared.refresh.fence import fenced
from shared.refresh.runtime import Runtime
from shared.sql import statement

EVOLVED_ROWS = 100_000
"""Most rows of a publish that changes its target in the same transaction: readers wait until its end."""
_NOT_SAFE = ("0A000", "42P16", "42501", "2BP01")
"""A view depends on it, a key forbids it, the table is somebody else's."""


def evolved_by_publishes_only(definition: Definition, mode: Mode) -> None:
    """Held where rows would be compared with a target that nobody changes: anything between a plan and a publish."""
    if definition.evolutions and mode not in (Mode.LIVE, Mode.PLAN):
        ddl = "; ".join(one.ddl(definition.table) for one in definition.evolutions)
        hold(definition.table, definition.changes, because=f"only a live refresh changes its target, by {ddl}")


def evolve(session: Session, task: TaskId, definition: Definition) -> None:
    """Make the target what the definition says it is, in the caller's transaction, which readers then wait for.

    Raises Held when Postgres refuses (nothing is left half done), LockTimeout when readers do not make room.
    """
    if not definition.evolutions:
        return
    changes = [{"change": one.change, "column": one.column, "type": one.type} for one in definition.evolutions]
    try:
        session.run(
            statement("evolve_table"),
            schema=definition.table.schema,
            name=definition.table.name,
            changes=json.dumps(changes),
            run_id=task.run_id,
        )
    except StoreRefused as error:
        if error.sqlstate not in _NOT_SAFE:
            raise
        hold(definition.table, definition.changes, because=str(error))


def evolve_ahead(runtime: Runtime, claim: UnitClaim, task: TaskId, definition: Definition) -> None:
    """Make the changes in a short transaction of their own where the publish is too long to have readers wait for it.

    The target is then wider than what is published in it, which no reader of its data sees.
    """
    if definition.evolutions:
        with fenced(runtime, claim, lock_timeout=runtime.limits.lock_timeout) as session:
            evolve(session, task, definition)
        runtime.steps.reached("evolved_ahead")


def remember(session: Session, task: TaskId, definition: Definition) -> None:
    """Remember the source's schema with the publish that went by it, unless a newer one is remembered."""
    if definition.schema is None:
        return
    session.run(
        statement("remember_source_schema"),
        **task_parameters(task),
        source=definition.schema.source,
        columns=json.dumps([vars(column) for column in definition.schema.columns]),
    )
