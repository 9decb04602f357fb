"""The checks of columns: what the registry's rules are in BigQuery's plan query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from shared.domain.definition import Definition
from shared.domain.errors import InvalidRegistration
from shared.domain.figures import Kind
from shared.domain.types import WireColumn
from shared.planning.checks import AllowedValues, Checks, NullShare, Range
from shared.ports import QueryParameter


@dataclass(frozen=True, kw_only=True)
class ColumnCheck:
    """A check that the plan query answers for every scope: how many rows fail it."""

    metric: str
    outcome: str
    most: float
    is_share: bool
    """Whether `most` is a share of the rows, or a number of rows."""
    expression: str
    """BigQuery aggregate over the wire column."""
    parameters: tuple[QueryParameter, ...] = ()


def column_checks(definition: Definition, checks: Checks) -> tuple[ColumnCheck, ...]:
    """The checks that the plan query answers. InvalidRegistration for columns that cannot be checked so."""
    found = [_null_share(definition, *one) for one in checks.null_share.items()]
    found += [_range(definition, *one) for one in checks.range.items()]
    found += [_allowed(definition, *one) for one in checks.allowed_values.items()]
    return tuple(one for one in found if one.outcome != "off")


def _null_share(definition: Definition, name: str, rule: NullShare) -> ColumnCheck:
    place, _ = _column(definition, "null_share", name)
    return ColumnCheck(
        metric=f"null_share({name})",
        outcome=rule.outcome,
        most=rule.max,
        is_share=True,
        expression=f"COUNTIF({place} IS NULL)",
    )


def _range(definition: Definition, name: str, rule: Range) -> ColumnCheck:
    place, column = _column(definition, "range", name)
    type_ = _RANGES.get(column.kind)
    if type_ is None or column.repeated:
        raise _unfit(definition, "range", column, "numbers, dates and timestamps")
    bounds = [(">=", f"{place}_min", rule.min), ("<=", f"{place}_max", rule.max)]
    given = [(operator, f"check_{label}", value) for operator, label, value in bounds if value is not None]
    inside = " AND ".join(f"{place} {operator} @{label}" for operator, label, _ in given)
    return ColumnCheck(
        metric=f"range({name})",
        outcome=rule.outcome,
        most=0,
        is_share=False,
        expression=f"COUNTIF(NOT ({inside}))",
        parameters=tuple(
            QueryParameter(name=label, type=type_, value=_bound(definition, name, type_, value))
            for _, label, value in given
        ),
    )


def _allowed(definition: Definition, name: str, rule: AllowedValues) -> ColumnCheck:
    place, column = _column(definition, "allowed_values", name)
    if column.kind not in (Kind.TEXT, Kind.INT, Kind.BOOL, Kind.DATE) or column.repeated:
        raise _unfit(definition, "allowed_values", column, "texts, whole numbers, booleans and dates")
    values = [str(value).lower() if isinstance(value, bool) else str(value) for value in rule.values]
    label = f"check_{place}_values"
    text = place if column.kind is Kind.TEXT else f"CAST({place} AS STRING)"
    return ColumnCheck(
        metric=f"allowed_values({name})",
        outcome=rule.outcome,
        most=0,
        is_share=False,
        expression=f"COUNTIF({text} NOT IN UNNEST(@{label}))",
        parameters=(QueryParameter(name=label, type="ARRAY<STRING>", value=values),),
    )


_RANGES: Mapping[Kind, str] = {
    Kind.INT: "NUMERIC",
    Kind.NUMERIC: "NUMERIC",
    Kind.FLOAT: "FLOAT64",
    Kind.DATE: "DATE",
    Kind.DATETIME: "DATETIME",
    Kind.TIMESTAMP: "TIMESTAMP",
}


def _bound(definition: Definition, name: str, type_: str, value: float | int | str) -> Any:
    try:
        match type_:
            case "NUMERIC" if not isinstance(value, str):
                return Decimal(str(value))
            case "FLOAT64" if not isinstance(value, str):
                return float(value)
            case "DATE" if isinstance(value, str):
                return date.fromisoformat(value)
            case "DATETIME" if isinstance(value, str) and datetime.fromisoformat(value).tzinfo is None:
                return datetime.fromisoformat(value)
            case "TIMESTAMP" if isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None:
                return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise InvalidRegistration(
        f"{definition.table}: checks: range of {name}: {value!r} is no bound for a {type_}; write numbers as numbers, "
        "2025-01-31 for a day, 2025-01-31T06:00:00 for a time, with its zone for a timestamp"
    )


def _column(definition: Definition, check: str, name: str) -> tuple[str, WireColumn]:
    for place, column in enumerate(definition.columns):
        if column.name == name:
            return f"c{place}", column
    raise InvalidRegistration(
        f"{definition.table}: checks: {check} names {name}, which gets no value from the source; choose one of "
        f"{', '.join(column.name for column in definition.columns)}"
    )


def _unfit(definition: Definition, check: str, column: WireColumn, fit: str) -> InvalidRegistration:
    return InvalidRegistration(
        f"{definition.table}: checks: {check} is for {fit}, and {column.name} is {column.source_type}"
    )
