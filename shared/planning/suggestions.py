"""What a table's settings could be, from what is known of it. Shown to people, never applied by itself. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.domain.dataset import Column
from shared.domain.ids import TableName
from shared.domain.matching import usual_target
from shared.domain.quoting import postgres_identifier
from shared.domain.types import target_name

SLICE_SECONDS = 60
_STEP_ROWS = 10_000
_STEP_BYTES = 10 * 2**20
_DATED = ("DATE", "TIMESTAMP", "DATETIME")
_SCOPE_NAMES = ("period_start", "date", "day", "report_date", "event_date", "week", "month", "created_at", "timestamp")
_KEY_ENDINGS = ("_id", "_key", "_code")


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Suggested sizes; None where there is nothing to go by."""

    slice_target_rows: int | None
    parallelism: int | None
    max_bytes_billed: int | None


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A suggested registration and the table for it."""

    options: dict[str, object]
    ddl: str
    notes: tuple[str, ...] = field(default=())


def sizes(*, rows_per_second: float | None, largest_rows: int | None, largest_bytes: int | None) -> Sizes:
    """From the rate of the last slices and the largest of the last refreshes.

    A slice of a minute loses little when its worker dies; lanes help from several slices on; a cap of twice the largest
    bill stops a query gone wild and nothing else.
    """
    slice_rows = None
    if rows_per_second:
        slice_rows = max(_STEP_ROWS, round(rows_per_second * SLICE_SECONDS / _STEP_ROWS) * _STEP_ROWS)
    lanes = None
    if slice_rows and largest_rows:
        lanes = min(8, max(1, math.ceil(largest_rows / slice_rows / 4)))
    cap = math.ceil(2 * largest_bytes / _STEP_BYTES) * _STEP_BYTES if largest_bytes else None
    return Sizes(slice_target_rows=slice_rows, parallelism=lanes, max_bytes_billed=cap)


def registration(table: TableName, source: str, columns: Sequence[Column], *, is_table: bool) -> Registration:
    """Key, scope, types and DDL by the source's schema. Names decide; nothing of the data is read."""
    notes = [] if is_table else ["The source is a view: each run materialises it once, at the time of the run."]
    types: dict[str, str] = {}
    column_map: dict[str, str | None] = {}
    for column in columns:
        name = target_name(column.name)
        try:
            type_ = usual_target(column.type)
        except ValueError as error:
            column_map[column.name] = None
            notes.append(f"{column.name} is left out: {error}.")
            continue
        if name in types:
            column_map[column.name] = None
            notes.append(f"{column.name} is left out: another column is called {name} too.")
            continue
        if name != column.name.lower():
            column_map[column.name] = name
        types[name] = type_
    scope, bucket = _scope(columns)
    key = _key(types, scope)
    if not key:
        notes.append("No key was recognised: equal rows are kept as often as they come. Name one if there is one.")
    options: dict[str, object] = {"handler": "generic", "source": source, "key_columns": list(key), "strategy": "merge"}
    options |= {"scope_column": scope} if scope else {}
    options |= {"scope_bucket": bucket} if bucket else {}
    options |= {"column_map": column_map} if column_map else {}
    return Registration(options=options, ddl=_ddl(table, types, key), notes=tuple(notes))


def _scope(columns: Sequence[Column]) -> tuple[str | None, str | None]:
    dated = {target_name(column.name): column.type for column in columns if column.type in _DATED}
    for name in (*_SCOPE_NAMES, *(name for name, type_ in dated.items() if type_ == "DATE")):
        if name in dated:
            return name, None if dated[name] == "DATE" else "day"
    return None, None


def _key(types: dict[str, str], scope: str | None) -> tuple[str, ...]:
    if "id" in types:
        return ("id",)
    named = [name for name in types if name.endswith(_KEY_ENDINGS)]
    return (*((scope,) if scope and named and scope not in named else ()), *named)


def _ddl(table: TableName, types: dict[str, str], key: Sequence[str]) -> str:
    lines = [
        f"    {postgres_identifier(name)} {type_}{' NOT NULL' if name in key else ''}" for name, type_ in types.items()
    ]
    if key:
        lines.append(f"    PRIMARY KEY ({', '.join(postgres_identifier(name) for name in key)})")
    target = f"{postgres_identifier(table.schema)}.{postgres_identifier(table.name)}"
    return f"CREATE TABLE {target} (\n" + ",\n".join(lines) + "\n);\n"
