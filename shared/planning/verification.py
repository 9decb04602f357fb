"""Verification: does a table hold what its source has? The same figures, by BigQuery and by Postgres, side by side.

They are other figures than those that the path plans and reconciles with, taken from the target as it stands and not
from what was staged: per scope value the rows, and per column how many values there are and a sum over their contents.
A value's content is a text that both sides write alike; the first 32 bits of its MD5 are summed up, which knows no
order. Where the two have no text in common (JSON, intervals, ranges, geometries) values are only counted, and of arrays
also the elements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.definition import Definition
from shared.domain.quoting import postgres_identifier
from shared.domain.scope import MAX_SCOPE_VALUES
from shared.planning.source_query import ROWS, SCOPE, SourceQuery, relations, snapshot_parameter
from shared.planning.verification_figures import bigquery_figures, postgres_figures
from shared.ports import Row

_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class LastScan:
    """What the last scan of a table says of its scope values: which of them are of its snapshot."""

    snapshot_at: datetime
    scan_from: str | None
    """First scope value that was looked at; None: all were."""
    older: frozenset[str | None]
    """Published of an older snapshot."""
    held: frozenset[str | None]
    quarantined: Mapping[str | None, int]
    """Rows that were put aside."""

    def speaks_of(self, scope: str | None) -> bool:
        """Whether the table claims to have what the source had of this scope value at the snapshot."""
        looked_at = self.scan_from is None or (scope is not None and scope >= self.scan_from)
        return looked_at and scope not in self.older | self.held


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A scope value that is not equal. Rows of source and target; the columns that differ."""

    scope: str | None
    source_rows: int
    target_rows: int
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was compared, and what differs. `left_out`: scope values that the last scan does not speak of."""

    compared: int
    left_out: int
    rows: int
    differences: tuple[Difference, ...]


def source_figures(definition: Definition, *, relation: str, snapshot_at: datetime | None) -> SourceQuery:
    """BigQuery's side: a row for each scope value."""
    figures = [
        f"{expression} AS c{i}_{name}"
        for i, column in enumerate(definition.columns)
        for name, expression in bigquery_figures(column, f"c{i}").items()
    ]
    sql = (
        f"{relations(definition, relation, snapshot_at)}\n"
        f"SELECT\n  {',\n  '.join([SCOPE, f'COUNT(*) AS {ROWS}', *figures])}\n"
        f"FROM wire\nGROUP BY {SCOPE}\nLIMIT {MAX_SCOPE_VALUES + 1}"
    )
    return SourceQuery(sql=sql, parameters=snapshot_parameter(snapshot_at))


def target_figures(definition: Definition) -> str:
    """Postgres' side, the same columns by the same names."""
    scope = "NULL::text" if definition.scope is None else definition.scope.postgres_value("t")
    figures = [
        f"{expression} AS c{i}_{name}"
        for i, column in enumerate(definition.columns)
        for name, expression in postgres_figures(column, f"t.{postgres_identifier(column.name)}").items()
    ]
    table = f"{postgres_identifier(definition.table.schema)}.{postgres_identifier(definition.table.name)}"
    return f"SELECT {', '.join([f'{scope} AS {SCOPE}', f'count(*) AS {ROWS}', *figures])} FROM {table} t GROUP BY 1"


def compare(definition: Definition, source: Sequence[Row], target: Sequence[Row], scan: LastScan) -> Verdict:
    """Hold the sides against each other, scope by scope; scope values that the scan does not speak of are left out.

    Of one with rows in quarantine only the number of rows is compared; a table that is only added to has to have at
    least the source's.
    """
    ours, theirs = _by_scope(target), _by_scope(source)
    scopes = sorted({*ours, *theirs}, key=lambda value: (value is not None, value or ""))
    compared = [scope for scope in scopes if scan.speaks_of(scope)]
    found = [
        _difference(definition, scope, theirs.get(scope, {}), ours.get(scope, {}), scan.quarantined.get(scope, 0))
        for scope in compared
    ]
    return Verdict(
        compared=len(compared),
        left_out=len(scopes) - len(compared),
        rows=sum(int(ours[scope][ROWS]) for scope in compared if scope in ours),
        differences=tuple(one for one in found if one is not None),
    )


def described(verdict: Verdict) -> list[dict[str, Any]]:
    """The differences for people and programs, at most 100."""
    return [vars(one) | {"columns": list(one.columns)} for one in verdict.differences[:_SHOWN]]


def _by_scope(rows: Sequence[Row]) -> dict[str | None, Row]:
    return {row[SCOPE]: row for row in rows}


def _difference(
    definition: Definition, scope: str | None, theirs: Row, ours: Row, quarantined: int
) -> Difference | None:
    source_rows, target_rows = int(theirs.get(ROWS, 0)), int(ours.get(ROWS, 0))
    if definition.strategy == "append":
        columns: tuple[str, ...] = ()
        equal = target_rows >= source_rows - quarantined
    else:
        columns = () if quarantined or not (theirs and ours) else _columns(definition, theirs, ours)
        equal = target_rows == source_rows - quarantined and not columns
    if equal:
        return None
    return Difference(scope=scope, source_rows=source_rows, target_rows=target_rows, columns=columns)


def _columns(definition: Definition, theirs: Row, ours: Row) -> tuple[str, ...]:
    return tuple(
        column.name
        for i, column in enumerate(definition.columns)
        if any(int(theirs[f"c{i}_{name}"]) != int(ours[f"c{i}_{name}"]) for name in bigquery_figures(column, ""))
    )
