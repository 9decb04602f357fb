"""The queries that BigQuery runs for a table: one aggregate for the plan, one extraction per slice.

Both read the same CTEs: `source` (the table as of the snapshot, columns renamed and cast), then `refreshed` where the
handler has a query of its own, then `wire`, whose columns c0 … cN have the types in which rows travel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from shared.domain.dataset import MERGED, REPORT, SUPERSEDED
from shared.domain.definition import Definition
from shared.domain.quoting import bigquery_identifier, bigquery_table
from shared.domain.scope import MAX_SCOPE_VALUES, ScanRange
from shared.planning.column_checks import ColumnCheck
from shared.ports import QueryParameter

SCOPE = "refresh_scope"
ROWS = "refresh_rows"
READ = "refresh_read"
FINGERPRINT = "refresh_fingerprint"
SOURCE_ROWS = "refresh_source_rows"
CHECK = "refresh_check_"


@dataclass(frozen=True, kw_only=True)
class SourceQuery:
    """SQL and its bound parameters."""

    sql: str
    parameters: tuple[QueryParameter, ...]


def plan_query(
    definition: Definition,
    *,
    relation: str,
    snapshot_at: datetime | None,
    scan: ScanRange,
    checks: Sequence[ColumnCheck] = (),
) -> SourceQuery:
    """Per scope value: rows, source rows behind them, fingerprint, figures of each column, rows that fail each check.

    The fingerprint (BIT_XOR of the first 15 hex digits of each row's MD5, SUM of the next 8, and the count) does not
    depend on row order, and doubled rows do not cancel. Beside it stands the number of source rows, once.
    """
    columns = [f"c{i}" for i in range(len(definition.columns))]
    figures = [
        f"{expression} AS c{i}_{name}"
        for i, column in enumerate(definition.columns)
        for name, expression in column.figure_expressions(f"c{i}").items()
    ]
    select = ",\n  ".join(
        [
            SCOPE,
            f"COUNT(*) AS {ROWS}",
            f"SUM(1 + {SUPERSEDED} + {MERGED}) AS {READ}",
            "CONCAT("
            "CAST(BIT_XOR(CAST(CONCAT('0x', SUBSTR(refresh_digest, 1, 15)) AS INT64)) AS STRING), '/', "
            "CAST(SUM(CAST(CONCAT('0x', SUBSTR(refresh_digest, 16, 8)) AS INT64)) AS STRING), '/', "
            f"CAST(COUNT(*) AS STRING)) AS {FINGERPRINT}",
            f"(SELECT COUNT(*) FROM source) AS {SOURCE_ROWS}",
            *([f"STRING_AGG({REPORT}, ',') AS {REPORT}"] if definition.has_reports else []),
            *figures,
            *(f"{check.expression} AS {CHECK}{i}" for i, check in enumerate(checks)),
        ]
    )
    digest = f"TO_HEX(MD5(TO_JSON_STRING(STRUCT({', '.join(columns)}))))"
    low = None if scan.start is None else "@scan_from"
    high = None if scan.end is None else "@scan_to"
    sql = (
        f"{relations(definition, relation, snapshot_at, low, high)}\n"
        f"SELECT\n  {select}\n"
        f"FROM (SELECT *, {digest} AS refresh_digest FROM wire)\n"
        f"GROUP BY {SCOPE}\nLIMIT {MAX_SCOPE_VALUES + 1}"
    )
    parameters = snapshot_parameter(snapshot_at)
    bounds = (("scan_from", scan.start), ("scan_to", scan.end))
    parameters += tuple(QueryParameter(name=name, type="DATE", value=day) for name, day in bounds if day is not None)
    parameters += tuple(parameter for check in checks for parameter in check.parameters)
    return SourceQuery(sql=sql, parameters=parameters)


def slice_query(
    definition: Definition, *, relation: str, snapshot_at: datetime | None, scopes: Sequence[str | None]
) -> SourceQuery:
    """The rows of the given scope values, as they travel."""
    values = [value for value in scopes if value is not None]
    columns = [f"c{i}" for i in range(len(definition.columns))]
    if definition.dataset is not None:
        columns += [SUPERSEDED, MERGED]
    parameters = snapshot_parameter(snapshot_at)
    where = ""
    low = high = None
    if definition.scope is not None:
        where = f"\nWHERE {SCOPE} IN UNNEST(@scopes)" + (f" OR {SCOPE} IS NULL" if None in scopes else "")
        parameters += (QueryParameter(name="scopes", type="ARRAY<STRING>", value=values),)
        if definition.scope.dated and values and None not in scopes:
            low, high = "@scope_low", "@scope_high"
            parameters += (
                QueryParameter(name="scope_low", type="DATE", value=date.fromisoformat(min(values))),
                QueryParameter(name="scope_high", type="DATE", value=date.fromisoformat(max(values))),
            )
    sql = f"{relations(definition, relation, snapshot_at, low, high)}\nSELECT {', '.join(columns)}\nFROM wire{where}"
    return SourceQuery(sql=sql, parameters=parameters)


def key_query(definition: Definition) -> SourceQuery:
    """How many keys stand more than once at the source now, and in how many rows a key column is NULL."""
    position = {column.name: i for i, column in enumerate(definition.columns)}
    key = [f"c{position[name]}" for name in definition.key]
    empty = " OR ".join(f"{one} IS NULL" for one in key)
    sql = (
        f"{relations(definition, definition.source, None)}\n"
        "SELECT COUNTIF(refresh_times > 1) AS doubled, SUM(refresh_empty) AS empty\n"
        f"FROM (SELECT COUNT(*) AS refresh_times, COUNTIF({empty}) AS refresh_empty FROM wire "
        f"GROUP BY {', '.join(key)})"
    )
    return SourceQuery(sql=sql, parameters=())


def view_query(definition: Definition, *, snapshot_at: datetime) -> SourceQuery:
    """The statement that materialises a source view, or named SQL at the run's snapshot, once."""
    if definition.source_sql is not None:
        return SourceQuery(sql=definition.source_sql, parameters=snapshot_parameter(snapshot_at))
    return SourceQuery(sql=f"SELECT * FROM {bigquery_table(definition.source)}", parameters=())


def snapshot_parameter(snapshot_at: datetime | None) -> tuple[QueryParameter, ...]:
    """The snapshot as a bound parameter, if there is one."""
    if snapshot_at is None:
        return ()
    return (QueryParameter(name="snapshot_at", type="TIMESTAMP", value=snapshot_at),)


def relations(
    definition: Definition,
    relation: str,
    snapshot_at: datetime | None,
    low: str | None = None,
    high: str | None = None,
) -> str:
    """The CTEs up to `wire`. `low` and `high`: expressions of the first and last scope value that are read."""
    inputs = ",\n    ".join(
        f"{column.expression} AS {bigquery_identifier(column.name)}" for column in definition.inputs
    )
    as_of = "" if snapshot_at is None else " FOR SYSTEM_TIME AS OF @snapshot_at"
    source = f"SELECT\n    {inputs}\n  FROM {bigquery_table(relation)}{as_of}{_pruned(definition, low, high)}"
    parts = [f"source AS (\n  {source}\n)"]
    if definition.dataset is not None:
        parts.append(f"refreshed AS (\n{definition.dataset.sql.rstrip().rstrip(';')}\n)")
    parts.append(f"wire AS (\n  {_wire(definition)}\n)")
    return "WITH\n" + ",\n".join(parts)


def _wire(definition: Definition) -> str:
    outputs = [bigquery_identifier(name) for name in definition.outputs]
    columns = [
        f"{column.wire_expression(output)} AS c{i}"
        for i, (column, output) in enumerate(zip(definition.columns, outputs, strict=True))
    ]
    columns.append(f"{_scope_value(definition)} AS {SCOPE}")
    if definition.dataset is None:
        columns += [f"0 AS {SUPERSEDED}", f"0 AS {MERGED}"]
        return f"SELECT\n    {',\n    '.join(columns)}\n  FROM source"
    columns += [SUPERSEDED, MERGED, *([REPORT] if definition.has_reports else [])]
    return f"SELECT\n    {',\n    '.join(columns)}\n  FROM refreshed"


def _scope_value(definition: Definition) -> str:
    if definition.scope is None:
        return "CAST(NULL AS STRING)"
    return definition.scope.bigquery_value(bigquery_identifier(_scope_output(definition)))


def _scope_output(definition: Definition) -> str:
    assert definition.scope is not None
    position = [column.name for column in definition.columns].index(definition.scope.column)
    return definition.outputs[position]


def _pruned(definition: Definition, low: str | None, high: str | None) -> str:
    if definition.scope is None or low is None:
        return ""
    name = definition.dataset.scope_field if definition.dataset else _scope_output(definition)
    column = next(column.expression for column in definition.inputs if column.name == name)
    return f"\n  WHERE {definition.scope.bigquery_between(column, low, high)}"
