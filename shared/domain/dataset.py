"""What a worker with its own SQL moves: the fields it reads, the query it computes, the columns it yields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SUPERSEDED = "refresh_superseded"
"""Reserved output column: older deliveries of the same key that the query dropped in favour of this row (INT64)."""

MERGED = "refresh_merged"
"""Reserved output column: further source rows that the query folded into this row (INT64)."""

REPORT = "refresh_report"
"""Reserved output column (STRING): on one row of each report, of which a scope has several, what is known of it; NULL
on the others. JSON: the dataset's `report_columns`, `rows` of the result, `delivered` rows behind them, and by the name
of each check how many of the delivered rows fail it."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A canonical input of a dataset's query, which a table's column map names a source column for."""

    name: str
    type: str
    """BigQuery type the source column is cast to (`DATE`, `STRING`, `INT64`, …)."""
    default: str | None = None
    """SQL literal used when the column map leaves the field out; None: the field must be mapped."""
    derived: str | None = None
    """Used before `default`, where the fields in braces are mapped: SQL of what they say about this one."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column as BigQuery yields it."""

    name: str
    type: str
    """BigQuery type name: STRING, INT64, FLOAT64, BOOL, NUMERIC, BIGNUMERIC, BYTES, DATE, TIME, DATETIME, TIMESTAMP,
    JSON, STRUCT, GEOGRAPHY, INTERVAL, `RANGE<DATE>` …, or `ARRAY<T>` of one of these."""
    parameters: tuple[int, ...] = ()
    """Length, or precision and scale, where the column has them: STRING(10), NUMERIC(10, 2)."""
    required: bool = False
    """Mode REQUIRED: it is never NULL."""

    @property
    def full_type(self) -> str:
        """The type with its parameters."""
        return f"{self.type}({', '.join(map(str, self.parameters))})" if self.parameters else self.type


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A named query over one source table, and what it yields.

    `sql` is a BigQuery SELECT that reads nothing but the CTE `source`, whose columns are `fields` (already renamed and
    cast, read as of the run's snapshot, limited to the slice's scopes). It must compute every scope value on its own:
    rows of one scope never influence another's. It yields `columns` and the two reserved columns above; every row of
    `source` must be accounted for: sum(1 + refresh_superseded + refresh_merged) = count(*) of `source`.
    """

    name: str
    fields: tuple[Field, ...]
    sql: str
    columns: tuple[Column, ...]
    key_columns: tuple[str, ...]
    scope_column: str
    """Output column, of the same value as the field `scope_field` of each source row that went into the row."""
    scope_field: str
    checks: dict[str, Any] = field(default_factory=dict)
    """Default checks of the dataset, which the registry's own may override: thresholds of the gates, and by name the
    checks that `refresh_report` counts for, each with `max` (the largest part of a report's rows that may fail)
    and `outcome` (`warn`, `hold` or `off`)."""
    report_columns: tuple[str, ...] = ()
    """Output columns that tell the reports of a scope apart; where there are any, it yields `refresh_report`."""
