"""Shadow runs: the same run, into a table beside the live one."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.definition import Definition
from shared.domain.errors import Overtaken
from shared.domain.ids import TaskId
from shared.domain.states import Mode
from shared.ports import Session
from shared.refresh.claim import task_parameters
from shared.refresh.runtime import Runtime
from shared.sql import statement


def for_mode(runtime: Runtime, definition: Definition, mode: Mode) -> Definition:
    """The definition that a run of the mode goes by; for a shadow run the shadow is made unless it is there."""
    if mode is not Mode.SHADOW:
        return definition
    key = {"schema": definition.table.schema, "name": definition.table.name}
    with runtime.store.transaction(lock_timeout=runtime.limits.lock_timeout) as session:
        (made,) = session.run(statement("make_shadow"), **key)
    runtime.steps.reached("shadow_made")
    return replace(definition, shadow=made["shadow_name"])


def check_mode(session: Session, task: TaskId) -> None:
    """Under the lock of the registry row: Overtaken where the table is not any more what it was when the run was
    planned: a live run never publishes over another program, a shadow run never into the live table."""
    (found,) = session.run(statement("mode_of_task"), **task_parameters(task))
    if found["mode"] == Mode.LIVE and found["table_mode"] in (Mode.SHADOW, Mode.DRY_RUN):
        raise Overtaken(
            f"{task.table} has mode {found['table_mode']} since the run was planned as a live one: another program may "
            "fill it now, so nothing was published",
            reason="mode_changed",
        )
    if found["mode"] == Mode.SHADOW and not found["has_shadow"]:
        raise Overtaken(
            f"the shadow of {task.table} is gone since the run was planned: the table was promoted, and this run is "
            "not for the live table",
            reason="mode_changed",
        )
