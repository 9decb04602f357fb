"""From batches as received to batches that Postgres can hold: cleaned, checked, narrowed, measured, counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from shared.domain.dataset import MERGED, SUPERSEDED
from shared.domain.figures import Figures
from shared.domain.types import WireColumn
from shared.refresh.arrow_types import normalised, staged_type
from shared.refresh.column_transform import ColumnTransform, Outcome
from shared.refresh.measure import measure


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A row that the target cannot hold, for the quarantine."""

    reason: str
    """`null_in_not_null`, `nul_in_text`, `too_long`, `out_of_range` or `does_not_fit_numeric`."""
    column: str
    row: dict[str, Any]
    """The row as received, in what JSON and Postgres can hold: a NUL reads `\\u0000`."""


@dataclass(frozen=True, kw_only=True)
class Transformed:
    """A batch, and all that became of what was received."""

    batch: pa.RecordBatch
    """Rows that fit, columns named as the target's, in the order of the transform's columns."""
    received: int
    rejected: tuple[Rejected, ...]
    superseded: int
    merged: int
    stripped: dict[str, int]
    """Column → values out of which a NUL (in JSON also a lone surrogate) was removed."""
    figures: Figures
    """Over the batch as received."""


class Transform:
    """Transforms batches whose columns are c0 … cN in the order of `columns`, and perhaps the reserved ones."""

    def __init__(self, columns: Sequence[WireColumn]) -> None:
        self._columns = tuple(columns)
        self._transforms = [ColumnTransform(column) for column in columns]
        self._schema = pa.schema([pa.field(column.name, staged_type(column)) for column in columns])

    def apply(self, batch: pa.RecordBatch) -> Transformed:
        """Transform a batch. PermanentError: `nul_in_text` where the policy is `reject`, `unexpected_wire_type`."""
        received = [normalised(column, batch.column(f"c{i}")) for i, column in enumerate(self._columns)]
        outcomes = [one.apply(values) for one, values in zip(self._transforms, received, strict=True)]
        rejections = self._rejections(outcomes)
        return Transformed(
            batch=self._kept(outcomes, rejections),
            received=batch.num_rows,
            rejected=self._rejected(received, rejections),
            superseded=_reserved(batch, SUPERSEDED),
            merged=_reserved(batch, MERGED),
            stripped={
                column.name: outcome.stripped
                for column, outcome in zip(self._columns, outcomes, strict=True)
                if outcome.stripped
            },
            figures={
                column.name: measure(column, values) for column, values in zip(self._columns, received, strict=True)
            },
        )

    def _rejections(self, outcomes: Sequence[Outcome]) -> dict[int, tuple[str, str]]:
        """Row → the first reason against it, with its column."""
        found: dict[int, tuple[str, str]] = {}
        for column, outcome in zip(self._columns, outcomes, strict=True):
            for reason, rows in outcome.rejections:
                for row in rows:
                    found.setdefault(row, (reason, column.name))
        return dict(sorted(found.items()))

    def _kept(self, outcomes: Sequence[Outcome], rejections: Mapping[int, tuple[str, str]]) -> pa.RecordBatch:
        values = [outcome.values for outcome in outcomes]
        if rejections:
            mask = pa.array([row not in rejections for row in range(len(values[0]))], pa.bool_())
            values = [array.filter(mask) for array in values]
        narrowed = [
            array if array.type == field.type else pc.cast(array, field.type)
            for array, field in zip(values, self._schema, strict=True)
        ]
        return pa.record_batch(narrowed, schema=self._schema)

    def _rejected(
        self, received: Sequence[pa.Array], rejections: Mapping[int, tuple[str, str]]
    ) -> tuple[Rejected, ...]:
        if not rejections:
            return ()
        rows = pa.array(rejections, pa.int64())
        values = [[_json_safe(value) for value in array.take(rows).to_pylist()] for array in received]
        names = [column.name for column in self._columns]
        return tuple(
            Rejected(reason=reason, column=name, row=dict(zip(names, row, strict=True)))
            for (reason, name), row in zip(rejections.values(), zip(*values, strict=True), strict=True)
        )


def _reserved(batch: pa.RecordBatch, name: str) -> int:
    """The sum of a reserved column, 0 where the query has none."""
    if name not in batch.schema.names:
        return 0
    return int(pc.sum(batch.column(name)).as_py() or 0)


def _json_safe(value: Any) -> Any:
    match value:
        case None | bool() | int():
            return value
        case str():
            return value.replace("\0", "\\u0000")
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return format(value, "f")
        case bytes():
            return f"\\x{value.hex()}"
        case date() | time():
            return value.isoformat()
        case list():
            return [_json_safe(element) for element in value]
    raise TypeError(f"{value!r} has no form in JSON")
