"""The definition that a task was planned with, kept with it, so that whoever comes to publish needs nothing else.

The worker that publishes may be another function than the one that planned, one that does not know the dataset; and
what is published is what was planned, whatever became of the registration meanwhile.
"""

from __future__ import annotations

from shared.domain.definition import Definition
from shared.domain.errors import PermanentError
from shared.domain.ids import TaskId
from shared.ports import Row, Session, Store
from shared.refresh.claim import task_parameters
from shared.sql import statement


def freeze_definition(session: Session, task: TaskId, definition: Definition) -> None:
    """Keep the definition until the task's staging is dropped; planning anew replaces it."""
    session.run(statement("freeze_definition"), **task_parameters(task), definition=definition.to_json())


def frozen_definition(store: Store, task: TaskId, state: Row) -> Definition:
    """The definition that the task was planned with; `state` is its row.

    PermanentError (`definition_changed`) when it is gone, or was written by a version of this program that understood
    something else by it.
    """
    with store.transaction() as session:
        rows = session.run(statement("frozen_definition"), **task_parameters(task))
    definition = _read(rows[0]["definition"]) if rows else None
    if definition is None or definition.hash != state["definition_hash"]:
        raise PermanentError(
            f"{task.table}: what was planned is not kept in a form that this version of the program can publish; "
            "nothing was published, the next run plans anew",
            reason="definition_changed",
        )
    return definition


def _read(text: str) -> Definition | None:
    try:
        return Definition.from_json(text)
    except ValueError:
        return None
