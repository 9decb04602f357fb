"""The figures of a verification: what both sides can count of a column, and a sum over contents they write alike."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.figures import Kind
from shared.domain.postgres_type import PostgresType
from shared.domain.types import WireColumn

_BIGQUERY_DIGEST = "CAST(CONCAT('0x', SUBSTR(TO_HEX(MD5({text})), 1, 8)) AS INT64)"
_POSTGRES_DIGEST = "('x' || substr(md5({text}), 1, 8))::bit(32)::bigint"
_PLAIN_DECIMAL = "IF(STRPOS({text}, '.') > 0, RTRIM(RTRIM({text}, '0'), '.'), {text})"


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Expressions that write a column's value as the same text, over `{c}`."""

    bigquery: str
    postgres: str


def bigquery_figures(column: WireColumn, name: str) -> dict[str, str]:
    """BigQuery's aggregates over the column, which the query calls `name`, by the figure's name."""
    figures = {"values": f"COUNT({name})"}
    if column.repeated:
        return figures | {"elements": f"IFNULL(SUM(ARRAY_LENGTH({name})), 0)"}
    contents = contents_of(column)
    if contents is None:
        return figures
    digest = _BIGQUERY_DIGEST.format(text=contents.bigquery.format(c=name))
    return figures | {"contents": f"IFNULL(SUM({digest}), 0)"}


def postgres_figures(column: WireColumn, name: str) -> dict[str, str]:
    """Postgres' aggregates, the same figures by the same names."""
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
