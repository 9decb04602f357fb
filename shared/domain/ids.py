"""What a thing is called: tables, runs, slices, jobs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NewType
from uuid import UUID

RunId = NewType("RunId", UUID)


@dataclass(frozen=True, kw_only=True, order=True)
class TableName:
    """A target table or materialized view. Neither part has a dot."""

    schema: str
    name: str

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read `schema.name`; ValueError says what is wrong with the text."""
        schema, dot, name = text.partition(".")
        if not (schema and dot and name) or "." in name:
            raise ValueError(f"table {text!r} is not of the form schema.name")
        return cls(schema=schema, name=name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, kw_only=True, order=True)
class TaskId:
    """One table of one run."""

    run_id: RunId
    table: TableName

    @property
    def digest(self) -> str:
        """Twenty hex digits that stand for the task where a name must be short (staging table, job id)."""
        return hashlib.sha256(f"{self.run_id}/{self.table}".encode()).hexdigest()[:20]

    @property
    def staging_table(self) -> str:
        """Name of the task's staging table, without its schema."""
        return f"staging_{self.digest}"

    @property
    def undo_table(self) -> str:
        """Name of the table that keeps what the task's publish overwrites, without its schema."""
        return f"undo_{self.digest}"


def plan_job_id(task: TaskId, generation: int) -> str:
    """Id of the task's aggregate query; inserting it again answers 409 and re-attaches."""
    return f"refresh_{task.digest}_plan_g{generation}"


def view_job_id(task: TaskId, generation: int) -> str:
    """Id of the job that materialises the source view of a task once."""
    return f"refresh_{task.digest}_view_g{generation}"


def slice_job_id(task: TaskId, slice_no: int, generation: int) -> str:
    """Id of a slice's extraction job."""
    return f"refresh_{task.digest}_s{slice_no}_g{generation}"
