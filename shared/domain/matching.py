"""The type matrix: how each BigQuery type travels, and which Postgres types can hold it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from shared.domain.figures import Kind
from shared.domain.postgres_type import PostgresType

_MICROSECOND_DIGITS = ("6",)
_WGS84 = "4326"
_ALIASES = {
    "INTEGER": "INT64",
    "FLOAT": "FLOAT64",
    "BOOLEAN": "BOOL",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
    "RECORD": "STRUCT",
}
_JSON = ("jsonb", "json", "text")
_TO_STRING = "CAST({c} AS STRING)"
_BOUNDS = (
    "IF({c} IS NULL, NULL, CONCAT('[', IFNULL(CAST(RANGE_START({c}) AS STRING), ''), ',', "
    "IFNULL(CAST(RANGE_END({c}) AS STRING), ''), ')'))"
)


@dataclass(frozen=True, kw_only=True)
class Wire:
    """How a pair of types travels. `expression` is BigQuery's, `cast` Postgres', both over `{c}`."""

    kind: Kind
    repeated: bool
    expression: str
    staging_type: str
    cast: str


@dataclass(frozen=True, kw_only=True)
class _Rule:
    kind: Kind
    targets: tuple[str, ...]
    expression: str = "{c}"
    array_as_text: str | None = None
    """Expression of an element that has to travel as text; None: elements travel as they are."""


_RULES = {
    "STRING": _Rule(kind=Kind.TEXT, targets=("text", "character varying", "character", "citext")),
    "INT64": _Rule(kind=Kind.INT, targets=("bigint", "integer", "smallint", "numeric")),
    "FLOAT64": _Rule(kind=Kind.FLOAT, targets=("double precision",)),
    "BOOL": _Rule(kind=Kind.BOOL, targets=("boolean",)),
    "NUMERIC": _Rule(kind=Kind.NUMERIC, targets=("numeric",)),
    "BIGNUMERIC": _Rule(kind=Kind.LITERAL, targets=("numeric",), expression=_TO_STRING, array_as_text=_TO_STRING),
    "BYTES": _Rule(kind=Kind.BYTES, targets=("bytea",)),
    "DATE": _Rule(kind=Kind.DATE, targets=("date",)),
    "TIME": _Rule(kind=Kind.TIME, targets=("time without time zone",)),
    "DATETIME": _Rule(kind=Kind.DATETIME, targets=("timestamp without time zone",)),
    # pgpq gives elements the type of a timestamp without a zone, which Postgres refuses in an array of the other.
    "TIMESTAMP": _Rule(kind=Kind.TIMESTAMP, targets=("timestamp with time zone",), array_as_text=_TO_STRING),
    "JSON": _Rule(
        kind=Kind.JSON,
        targets=_JSON,
        expression="IF({c} IS NULL, NULL, TO_JSON_STRING({c}))",
        array_as_text="TO_JSON_STRING({c})",
    ),
    "STRUCT": _Rule(kind=Kind.JSON, targets=_JSON, expression="IF({c} IS NULL, NULL, TO_JSON_STRING({c}))"),
    "GEOGRAPHY": _Rule(
        kind=Kind.LITERAL,
        targets=("text", "geometry", "geography"),
        expression="ST_ASTEXT({c})",
        array_as_text="ST_ASTEXT({c})",
    ),
    "INTERVAL": _Rule(kind=Kind.LITERAL, targets=("interval",), expression=_TO_STRING, array_as_text=_TO_STRING),
    "RANGE<DATE>": _Rule(kind=Kind.LITERAL, targets=("daterange",), expression=_BOUNDS),
    "RANGE<DATETIME>": _Rule(kind=Kind.LITERAL, targets=("tsrange",), expression=_BOUNDS),
    "RANGE<TIMESTAMP>": _Rule(kind=Kind.LITERAL, targets=("tstzrange",), expression=_BOUNDS),
}


def wire_of(source_type: str, target: PostgresType, target_text: str) -> Wire:
    """How `source_type` travels to the target; ValueError, with the remedy, when it cannot."""
    element = re.fullmatch(r"ARRAY<(.*)>", source_type, re.DOTALL)
    if element is None:
        return _scalar(_standard(source_type), target, target_text)
    return _array(_standard(element[1]), target, target_text)


def _scalar(source: str, target: PostgresType, target_text: str) -> Wire:
    rule = _RULES.get(source) or _unknown(source)
    if target.array or target.base not in rule.targets:
        _refuse(" or ".join(rule.targets))
    _check_modifiers(target)
    staging = _staging(rule.kind, target, target_text)
    cast = "{c}" if staging == target_text else _cast(target, target_text)
    if target_text == "numeric" and rule.kind in (Kind.NUMERIC, Kind.LITERAL):
        cast = f"trim_scale({cast})"  # BigQuery sends every digit of the scale, as 1.500000000
    return Wire(kind=rule.kind, repeated=False, expression=rule.expression, staging_type=staging, cast=cast)


def _array(source: str, target: PostgresType, target_text: str) -> Wire:
    rule = _RULES.get(source) or _unknown(source)
    if target.base in ("jsonb", "json") and not target.array:
        expression = "TO_JSON_STRING(IFNULL({c}, []))"
        return Wire(kind=Kind.JSON, repeated=False, expression=expression, staging_type=target_text, cast="{c}")
    elements = () if source == "STRUCT" or source.startswith("RANGE") else rule.targets
    if not target.array or target.base not in elements:
        _refuse(" or ".join(["jsonb", *(f"{base}[]" for base in elements)]))
    _check_modifiers(target)
    if rule.array_as_text is None:
        kind, expression = rule.kind, "IFNULL({c}, [])"
        staging = {Kind.TEXT: "text[]", Kind.INT: "bigint[]", Kind.NUMERIC: "numeric[]"}.get(kind, target_text)
    else:
        kind = Kind.JSON if rule.kind is Kind.JSON else Kind.LITERAL
        item = rule.array_as_text.format(c="refresh_item")
        expression = f"ARRAY(SELECT {item} FROM UNNEST({{c}}) refresh_item WITH OFFSET refresh_at ORDER BY refresh_at)"
        staging = "text[]"
    cast = "{c}" if staging == target_text else f"{{c}}::{target_text}"
    return Wire(kind=kind, repeated=True, expression=expression, staging_type=staging, cast=cast)


def _standard(name: str) -> str:
    """The type's standard name without its parameters: STRING(10) is STRING, STRUCT<…> is STRUCT."""
    plain = name.strip().upper()
    base = re.split(r"[(<]", plain, maxsplit=1)[0].strip()
    return plain if base == "RANGE" else _ALIASES.get(base, base)


def _staging(kind: Kind, target: PostgresType, target_text: str) -> str:
    """The target's own type wherever its binary form is what travels: Postgres checks it at once, and casts nothing."""
    if kind is Kind.LITERAL:
        return "text"
    if kind is Kind.INT and target.base == "numeric":
        return "bigint"
    return target_text


def _cast(target: PostgresType, target_text: str) -> str:
    if target.base in ("geometry", "geography"):
        return f"('SRID={_WGS84};' || {{c}})::{target_text}"
    return f"{{c}}::{target_text}"


def _check_modifiers(target: PostgresType) -> None:
    if target.base.startswith(("time", "interval")) and target.modifiers not in ((), _MICROSECOND_DIGITS):
        raise ValueError(f"it would round to {target.modifiers[0]} digits; leave the precision out")
    if target.base in ("geometry", "geography") and len(target.modifiers) > 1 and target.modifiers[1] != _WGS84:
        raise ValueError(f"GEOGRAPHY has SRID {_WGS84}, the column {target.modifiers[1]}; change the column's")


def _refuse(allowed: str) -> NoReturn:
    raise ValueError(f"change the column's type to {allowed}, or cast the source column in a view")


def _unknown(source: str) -> NoReturn:
    raise ValueError(f"BigQuery type {source} is not supported; cast the source column to STRING in a view")


def usual_target(source_type: str) -> str:
    """The Postgres type that loses nothing of a BigQuery type, for a new table; ValueError when there is none."""
    element = re.fullmatch(r"ARRAY<(.*)>", source_type, re.DOTALL)
    name = _standard(element[1] if element else source_type)
    target = (_RULES.get(name) or _unknown(name)).targets[0]
    if element is None:
        return target
    return "jsonb" if target == "jsonb" or name.startswith("RANGE") else f"{target}[]"
