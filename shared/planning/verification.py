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
from shared.domain.figures import Kind
from shared.domain.postgres_type import PostgresType
from shared.domain.quoting import postgres_identifier
from shared.domain.scope import MAX_SCOPE_VALUES
from shared.domain.types import WireColumn
from shared.planning.source_query import ROWS, SCOPE, SourceQuery, relations, snapshot_parameter
from shared.ports import Row

_BIGQUERY_DIGEST = "CAST(CONCAT('0x', SUBSTR(TO_HEX(MD5({text})), 1, 8)) AS INT64)"
_POSTGRES_DIGEST = "('x' || substr(md5({text}), 1, 8))::bit(32)::bigint"
_PLAIN_DECIMAL = "IF(STRPOS({text}, '.') > 0, RTRIM(RTRIM({text}, '0'), '.'), {text})"
_SHOWN = 100


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Expressions that write a column's value as the same text, over `{c}`."""

    bigquery: str
    postgres: str


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
        for name, expression in _bigquery(column, f"c{i}").items()
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
        for name, expression in _postgres(column, f"t.{postgres_identifier(column.name)}").items()
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
        if any(int(theirs[f"c{i}_{name}"]) != int(ours[f"c{i}_{name}"]) for name in _bigquery(column, ""))
    )


def _bigquery(column: WireColumn, name: str) -> dict[str, str]:
    figures = {"values": f"COUNT({name})"}
    if column.repeated:
        return figures | {"elements": f"IFNULL(SUM(ARRAY_LENGTH({name})), 0)"}
    contents = contents_of(column)
    if contents is None:
        return figures
    digest = _BIGQUERY_DIGEST.format(text=contents.bigquery.format(c=name))
    return figures | {"contents": f"IFNULL(SUM({digest}), 0)"}


def _postgres(column: WireColumn, name: str) -> dict[str, str]:
    figures = {"values": f"count({name})"}
    if column.repeated:
        return figures | {"elements": f"coalesce(sum(cardinality({name})), 0)"}
    contents = contents_of(column)
    if contents is None:
        return figures
    digest = _POSTGRES_DIGEST.format(text=contents.postgres.format(c=name))
    return figures | {"contents": f"coalesce(sum({digest}), 0)"}


def contents_of(column: WireColumn) -> Contents | None:
    """How both sides write a value of the column; None where there is no text that both write."""
    base = PostgresType.parse(column.target_type).base
    match column.kind:
        case Kind.TEXT:
            return _text(column, base)
        case Kind.INT:
            shown = "trim_scale({c})::text" if base == "numeric" else "{c}::text"
            return Contents(bigquery="CAST({c} AS STRING)", postgres=shown)
        case Kind.NUMERIC:
            plain = _PLAIN_DECIMAL.format(text="CAST({c} AS STRING)")
            return Contents(bigquery=plain, postgres="trim_scale({c})::text")
        case Kind.LITERAL if base == "numeric":
            return Contents(bigquery=_PLAIN_DECIMAL.format(text="{c}"), postgres="trim_scale({c})::text")
        case Kind.LITERAL if base == "text":
            return Contents(bigquery="{c}", postgres="{c}")
        case Kind.BOOL:
            return Contents(bigquery="CAST({c} AS STRING)", postgres="{c}::text")
        case Kind.FLOAT:
            return _float()
        case Kind.BYTES:
            return Contents(bigquery="TO_HEX({c})", postgres="encode({c}, 'hex')")
        case Kind.DATE:
            return Contents(bigquery="CAST(UNIX_DATE({c}) AS STRING)", postgres="({c} - date '1970-01-01')::text")
        case Kind.TIME | Kind.DATETIME | Kind.TIMESTAMP:
            return _moment(column.kind)
        case _:
            return None


def _text(column: WireColumn, base: str) -> Contents:
    bigquery = "REPLACE({c}, CODE_POINTS_TO_STRING([0]), '')" if column.nul_policy == "strip" else "{c}"
    if base == "character":
        return Contents(bigquery=f"RTRIM({bigquery}, ' ')", postgres="rtrim({c}::text)")
    return Contents(bigquery=bigquery, postgres="{c}::text")


def _float() -> Contents:
    """Fifteen digits, which no way of rounding tells apart; 0 and −0 are one value."""
    return Contents(
        bigquery="CASE WHEN IS_NAN({c}) THEN 'NaN' WHEN IS_INF({c}) THEN IF({c} > 0, 'Infinity', '-Infinity') "
        "WHEN {c} = 0 THEN '0' ELSE FORMAT('%.14e', {c}) END",
        postgres="CASE WHEN {c} IN ('NaN', 'Infinity', '-Infinity') THEN {c}::text WHEN {c} = 0 THEN '0' "
        "ELSE ltrim(to_char({c}, '9.99999999999999EEEE')) END",
    )


def _moment(kind: Kind) -> Contents:
    micros = {
        Kind.TIME: "TIME_DIFF({c}, TIME '00:00:00', MICROSECOND)",
        Kind.DATETIME: "DATETIME_DIFF({c}, DATETIME '1970-01-01 00:00:00', MICROSECOND)",
        Kind.TIMESTAMP: "UNIX_MICROS({c})",
    }[kind]
    shown = "(extract(epoch FROM {c}) * 1000000)::bigint::text"
    return Contents(bigquery=f"CAST({micros} AS STRING)", postgres=shown)
