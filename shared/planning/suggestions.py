"""What a table's settings could be, from what is known of it. Shown to people, never applied by itself. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.domain.ids import TableName
from shared.domain.matching import usual_target
from shared.domain.quoting import postgres_identifier
from shared.domain.types import target_name
from shared.ports import SourceTable

SLICE_SECONDS = 60
_STEP_ROWS = 10_000
_STEP_BYTES = 10 * 2**20
_DATED = ("DATE", "TIMESTAMP", "DATETIME")
_SCOPE_NAMES = ("period_start", "date", "day", "report_date", "event_date", "week", "month", "created_at", "timestamp")
_KEY_ENDINGS = ("_id", "_key", "_code")
_KEY_TYPES = frozenset({"text", "bigint", "numeric", "date", "bytea"})
_LOOKBACK_DAYS = 365


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Suggested sizes; None where there is nothing to go by."""

    slice_target_rows: int | None
    parallelism: int | None
    max_bytes_billed: int | None
    max_bytes_billed_per_day: int | None


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A suggested registration and the table for it."""

    options: dict[str, object]
    ddl: str
    notes: tuple[str, ...] = field(default=())


def sizes(
    *,
    rows_per_second: float | None,
    largest_rows: int | None,
    largest_bytes: int | None,
    largest_day_bytes: int | None,
) -> Sizes:
    """From the rate of the last slices, the largest of the last refreshes, and the dearest of the last days.

    A slice of a minute loses little when its worker dies; lanes help from several slices on; a cap of twice the largest
    bill stops a query gone wild and nothing else, and so does a budget of twice the dearest day.
    """
    slice_rows = None
    if rows_per_second:
        slice_rows = max(_STEP_ROWS, round(rows_per_second * SLICE_SECONDS / _STEP_ROWS) * _STEP_ROWS)
    lanes = None
    if slice_rows and largest_rows:
        lanes = min(8, max(1, math.ceil(largest_rows / slice_rows / 4)))
    return Sizes(
        slice_target_rows=slice_rows,
        parallelism=lanes,
        max_bytes_billed=_twice(largest_bytes),
        max_bytes_billed_per_day=_twice(largest_day_bytes),
    )


def _twice(billed: int | None) -> int | None:
    return math.ceil(2 * billed / _STEP_BYTES) * _STEP_BYTES if billed else None


def registration(table: TableName, source: SourceTable) -> Registration:
    """Key, scope, types and DDL by the source's schema. Names and partitions decide; nothing of the data is read."""
    columns, notes = _columns(source)
    scope, bucket = _scope(source)
    key = _key(columns.types, scope)
    if not key:
        notes.append("No key was recognised: equal rows are kept as often as they come. Name one if there is one.")
    if scope is None:
        notes.append(
            "No date divides it: whenever something changes, all of it is read. Name a scope_column if you can."
        )
    options: dict[str, object] = {"handler": "generic", "source": source.reference, "key_columns": list(key)}
    options |= {"strategy": "merge"}
    options |= {"scope_column": scope} if scope else {}
    options |= {"scope_bucket": bucket} if bucket else {}
    options |= {"column_map": columns.renamed} if columns.renamed else {}
    if scope and source.needs_partition_filter:
        options["lookback"] = _LOOKBACK_DAYS
        notes.append(
            f"BigQuery reads it only by partition, so a lookback of {_LOOKBACK_DAYS} days is set: what is older is "
            "neither read nor removed."
        )
    return Registration(options=options, ddl=_ddl(table, columns.types, key), notes=tuple(notes))


@dataclass(frozen=True, kw_only=True)
class _Columns:
    types: dict[str, str]
    """Target column to its type."""
    renamed: dict[str, str | None]
    """Source column to a target column of another name; None: left out."""


def _columns(source: SourceTable) -> tuple[_Columns, list[str]]:
    """The target's columns, and what has to be said about them."""
    notes = [] if source.is_table else ["The source is a view: each run materialises it once, at the time of the run."]
    found = _Columns(types={}, renamed={})
    for column in source.columns:
        name = target_name(column.name)
        try:
            type_ = usual_target(column.type)
        except ValueError as error:
            found.renamed[column.name] = None
            notes.append(f"{column.name} is left out: {error}.")
            continue
        if name in found.types:
            found.renamed[column.name] = None
            notes.append(f"{column.name} is left out: another column is called {name} too.")
            continue
        if name != column.name.lower():
            found.renamed[column.name] = name
        found.types[name] = type_
    return found, notes


def _scope(source: SourceTable) -> tuple[str | None, str | None]:
    """A dated column and its bucket: the one by which BigQuery keeps the rows apart, else one with a usual name."""
    dated = {target_name(column.name): column.type for column in source.columns if column.type in _DATED}
    partition = [target_name(source.partition_column)] if source.partition_column else []
    for name in (*partition, *_SCOPE_NAMES, *(name for name, type_ in dated.items() if type_ == "DATE")):
        if name in dated:
            return name, None if dated[name] == "DATE" else "day"
    return None, None


def _key(types: dict[str, str], scope: str | None) -> tuple[str, ...]:
    """Columns by their names, of types whose values can tell rows apart."""
    named = [name for name, type_ in types.items() if name.endswith(_KEY_ENDINGS) and type_ in _KEY_TYPES]
    if types.get("id") in _KEY_TYPES:
        return ("id",)
    return (*((scope,) if scope and named and scope not in named else ()), *named)


def _ddl(table: TableName, types: dict[str, str], key: Sequence[str]) -> str:
    lines = [
        f"    {postgres_identifier(name)} {type_}{' NOT NULL' if name in key else ''}" for name, type_ in types.items()
    ]
    if key:
        lines.append(f"    PRIMARY KEY ({', '.join(postgres_identifier(name) for name in key)})")
    target = f"{postgres_identifier(table.schema)}.{postgres_identifier(table.name)}"
    return f"CREATE TABLE {target} (\n" + ",\n".join(lines) + "\n);\n"
