"""Schema drift: what has changed at a source since its table was last published, and what a target does about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.domain.ids import TableName
from shared.domain.quoting import postgres_identifier


class DriftKind(StrEnum):
    """Kinds of change, as the registry's `drift_policies` name them."""

    ADDED = "added"
    DROPPED = "dropped"
    RENAMED = "renamed"
    WIDENED = "widened"
    NARROWED = "narrowed"
    RETYPED = "retyped"
    NULLABILITY = "nullability"


class DriftPolicy(StrEnum):
    """What is done about a kind of change. What `evolve` cannot do safely is held."""

    EVOLVE = "evolve"
    IGNORE = "ignore"
    HOLD = "hold"


DEFAULT_POLICIES = {
    DriftKind.ADDED: DriftPolicy.IGNORE,
    DriftKind.DROPPED: DriftPolicy.HOLD,
    DriftKind.RENAMED: DriftPolicy.EVOLVE,
    DriftKind.WIDENED: DriftPolicy.EVOLVE,
    DriftKind.NARROWED: DriftPolicy.IGNORE,
    DriftKind.RETYPED: DriftPolicy.HOLD,
    DriftKind.NULLABILITY: DriftPolicy.IGNORE,
}
"""A new column is shown to nobody unasked; one that goes needs somebody's decision; a map that was edited is meant; a
wider type loses nothing; what arrives narrower still fits; a rule of the target (NOT NULL) is not given up unasked."""


@dataclass(frozen=True, kw_only=True)
class Evolution:
    """One safe change of a target: add_column and widen_column, to `type`, or drop_not_null."""

    change: str
    column: str
    type: str | None = None

    def ddl(self, table: TableName) -> str:
        """The statement that makes the change."""
        target = f"{postgres_identifier(table.schema)}.{postgres_identifier(table.name)}"
        column = postgres_identifier(self.column)
        action = {
            "add_column": f"ADD COLUMN {column} {self.type}",
            "widen_column": f"ALTER COLUMN {column} TYPE {self.type}",
            "drop_not_null": f"ALTER COLUMN {column} DROP NOT NULL",
        }[self.change]
        return f"ALTER TABLE {target} {action}"


@dataclass(frozen=True, kw_only=True)
class SchemaChange:
    """One change of the source, and what becomes of it."""

    kind: DriftKind
    source_column: str
    target_column: str | None
    before: str | None
    """Name and type at the source when last published; None for a column that is new."""
    after: str | None
    """Name and type now; None for a column that is gone."""
    policy: DriftPolicy
    evolution: Evolution | None = None
    """What is done about it in the publish."""
    held: bool = False
    ddl: str | None = None
    """What would mend it, where it is held."""
    remedy: str = ""
    """The same for people."""

    @property
    def ignored(self) -> bool:
        """Whether the table goes on as if the change were none; a map that was edited is followed."""
        return (
            self.policy is DriftPolicy.IGNORE
            and not self.held
            and self.evolution is None
            and self.kind is not DriftKind.RENAMED
        )

    def as_json(self) -> dict[str, Any]:
        """For the task's details."""
        found = {
            "change": str(self.kind),
            "source_column": self.source_column,
            "target_column": self.target_column,
            "before": self.before,
            "after": self.after,
            "policy": str(self.policy),
            "ddl": self.ddl,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class KnownColumn:
    """A source column as it was when its table was last published."""

    name: str
    type: str
    """With parameters: `STRING(10)`."""
    required: bool
    target: str | None
    """The target column (or the dataset's field) that it fed; None: none."""


@dataclass(frozen=True, kw_only=True)
class KnownSchema:
    """A source's columns as of the last publish of its table."""

    source: str
    columns: tuple[KnownColumn, ...]
