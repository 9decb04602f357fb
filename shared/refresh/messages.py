"""Messages to a table's workers, owed by the transaction that makes them needed."""

from __future__ import annotations

from shared.domain.ids import TaskId
from shared.domain.messages import HANDLER_TOPICS
from shared.ports import Session
from shared.sql import statement


def owe_table_message(session: Session, task: TaskId, handler: str, *, lane: int, continuation: int = 0) -> None:
    """Put a message for the task's worker into the outbox."""
    session.run(
        statement("owe_table_message"),
        topic=HANDLER_TOPICS[handler],
        run_id=task.run_id,
        table=str(task.table),
        lane=lane,
        continuation=continuation,
    )
