"""A table's definition: the registry's row, the source and the target, fitted together for one run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from shared.domain.dataset import Dataset
from shared.domain.drift import Evolution, KnownSchema, SchemaChange
from shared.domain.ids import TableName
from shared.domain.scope import Scope
from shared.domain.types import WireColumn

SHADOWS = "refresh_shadow"
"""The schema of shadows. The table of one has a dot in its name."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """A column of the CTE `source`: a source column, or a literal, under its field name."""

    name: str
    expression: str
    """BigQuery expression over the source table, quoted."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """All that planning, reading and publishing need to know of a table."""

    table: TableName
    source: str
    """`project.dataset.table` of the source table or view, or `sql:name`."""
    source_is_table: bool
    """False for a view: it is materialised once per run."""
    source_sql: str | None
    """The query, where the source is named SQL: it is materialised like a view, at the run's snapshot."""
    inputs: tuple[Input, ...]
    dataset: Dataset | None
    """The handler's own query over `source`; None: the source's rows as they are."""
    columns: tuple[WireColumn, ...]
    outputs: tuple[str, ...]
    """For each of `columns`, the column of the source (or of the dataset's query) that feeds it."""
    key: tuple[str, ...]
    """Key columns of the target; empty for a keyless table."""
    scope: Scope | None
    strategy: str
    lookback: int | None
    slice_target_rows: int
    parallelism: int
    max_bytes_billed: int | None
    max_bytes_billed_per_day: int | None = None
    checks: dict[str, Any] = field(default_factory=dict)
    loaded_at_column: str | None = None
    ignored: tuple[str, ...] = ()
    """Source columns that the target has no column for, and that the map does not name."""
    changes: tuple[SchemaChange, ...] = ()
    """What has changed at the source since the last publish; the rest of the definition takes it as done."""
    schema: KnownSchema | None = None
    """What a publish by this definition remembers of the source."""
    shadow: str | None = None
    """The table in the schema of shadows that is written in place of the target; None: the target itself."""

    @property
    def destination(self) -> TableName:
        """The table that is written, and whose rows are compared with the source's."""
        return self.table if self.shadow is None else TableName(schema=SHADOWS, name=self.shadow)

    @property
    def hash(self) -> str:
        """Sixteen hex digits over everything that decides what a source row becomes."""
        decisive = {
            "source": self.source if self.source_sql is None else self.source_sql,
            "inputs": [asdict(column) for column in self.inputs],
            "query": self.dataset.sql if self.dataset else None,
            "columns": [asdict(column) for column in self.columns],
            "outputs": self.outputs,
            "key": self.key,
            "scope": asdict(self.scope) if self.scope else None,
            "strategy": self.strategy,
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True, default=str).encode()).hexdigest()[:16]

    @property
    def notes(self) -> dict[str, Any]:
        """What a task by this definition tells of it in its details."""
        notes: dict[str, Any] = {"ignored_columns": self.ignored} if self.ignored else {}
        if self.changes:
            notes["schema_changes"] = [change.as_json() for change in self.changes]
        return notes

    @property
    def evolutions(self) -> tuple[Evolution, ...]:
        """What the publish does to the target before it writes."""
        return tuple(change.evolution for change in self.changes if change.evolution is not None)

    @property
    def has_reports(self) -> bool:
        """Whether the dataset tells the reports of a scope apart."""
        return self.dataset is not None and bool(self.dataset.report_columns)

    def to_json(self) -> str:
        """All of it, as text that `from_json` reads."""
        return _adapter().dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Definition:
        """Read what `to_json` wrote; ValueError when it is no definition as this version knows them."""
        return _adapter().validate_json(text, strict=True)

    def column(self, name: str) -> WireColumn:
        """The column of that target name; KeyError when it is not fed."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@cache
def _adapter() -> TypeAdapter[Definition]:
    return TypeAdapter(Definition)
