"""A task's staging table: UNLOGGED, typed as rows travel, with the slice that each row belongs to."""

from __future__ import annotations

from shared.domain.definition import Definition
from shared.domain.ids import TaskId
from shared.domain.quoting import postgres_identifier
from shared.ports import Session
from shared.sql import statement

SLICE = "refresh_slice"


def staging_name(task: TaskId) -> str:
    """The quoted, qualified name of the task's staging table."""
    return f"refresh_staging.{postgres_identifier(task.staging_table)}"


def create_staging(session: Session, task: TaskId, definition: Definition) -> None:
    """Make the staging table, empty; one left by an earlier attempt at planning is replaced."""
    columns = ", ".join(f"{postgres_identifier(column.name)} {column.staging_type}" for column in definition.columns)
    session.run(f"DROP TABLE IF EXISTS {staging_name(task)}")
    session.run(
        f"CREATE UNLOGGED TABLE {staging_name(task)} ({columns}, {SLICE} integer NOT NULL)"
        " WITH (autovacuum_enabled = false)"
    )


def drop_staging(session: Session, task: TaskId) -> None:
    """Drop the staging table, if there is one, and the frozen definition that would publish it."""
    session.run(f"DROP TABLE IF EXISTS {staging_name(task)}")
    session.run(statement("forget_definition"), run_id=task.run_id, schema=task.table.schema, name=task.table.name)
