"""Figures: per column a few exact numbers, computed by BigQuery and again from what arrived, that must be equal.

A 64-bit sum travels in two parts, `sum_high` × 2³² + `sum_low`, a decimal one as `decimal_high` × 10¹⁵ + `decimal_low`:
no part overflows INT64 or NUMERIC for fewer than 2³¹ rows, and only the exact total is compared. `min` and `max` are
the least and the greatest; everything else adds up.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, localcontext
from enum import StrEnum

Figure = str | int | None
Figures = dict[str, dict[str, Figure]]
"""Column → figure → a value that survives JSON: whole numbers as int, others as text, nothing as None."""

SUM_UNIT = 1 << 32
DECIMAL_UNIT = 10**15
_EXACT = Context(prec=200)


class Kind(StrEnum):
    """How a value travels. An array's kind is that of its elements."""

    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    NUMERIC = "numeric"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    TIMESTAMP = "timestamp"
    JSON = "json"
    """JSON as text."""
    LITERAL = "literal"
    """Text that Postgres casts when the row is published: BIGNUMERIC, INTERVAL, RANGE, GEOGRAPHY, array elements."""


_MICROSECONDS = {
    Kind.TIME: "TIME_DIFF({c}, TIME '00:00:00', MICROSECOND)",
    Kind.DATETIME: "DATETIME_DIFF({c}, DATETIME '1970-01-01 00:00:00', MICROSECOND)",
    Kind.TIMESTAMP: "UNIX_MICROS({c})",
}


def expressions(kind: Kind, *, repeated: bool, column: str) -> dict[str, str]:
    """BigQuery aggregate expressions of a column's figures, by name."""
    return {"count": f"COUNT({column})"} | _expressions(kind, repeated, column)


def _expressions(kind: Kind, repeated: bool, column: str) -> dict[str, str]:
    if repeated:
        return {"elements": f"IFNULL(SUM(ARRAY_LENGTH({column})), 0)"}
    match kind:
        case Kind.INT:
            return _split_sum(column, str(SUM_UNIT))
        case Kind.NUMERIC:
            return _split_decimal_sum(column)
        case Kind.FLOAT:
            finite = f"IF(IS_NAN({column}) OR IS_INF({column}), NULL, {column})"
            return {
                "nan": f"COUNTIF(IS_NAN({column}))",
                "infinite": f"COUNTIF(IS_INF({column}) AND {column} > 0)",
                "negative_infinite": f"COUNTIF(IS_INF({column}) AND {column} < 0)",
                "min": f"MIN({finite})",
                "max": f"MAX({finite})",
            }
        case Kind.BOOL:
            return {"true": f"COUNTIF({column})"}
        case Kind.DATE:
            days = f"UNIX_DATE({column})"
            return {"min": f"MIN({days})", "max": f"MAX({days})", "sum": f"IFNULL(SUM({days}), 0)"}
        case Kind.TIME | Kind.DATETIME | Kind.TIMESTAMP:
            micros = _MICROSECONDS[kind].format(c=column)
            return {"min": f"MIN({micros})", "max": f"MAX({micros})"} | _split_sum(micros, str(SUM_UNIT))
        case Kind.TEXT | Kind.BYTES | Kind.JSON | Kind.LITERAL:
            return {"bytes": f"IFNULL(SUM(BYTE_LENGTH({column})), 0)"}


def _split_sum(expression: str, unit: str) -> dict[str, str]:
    return {
        "sum_high": f"IFNULL(SUM(DIV({expression}, {unit})), 0)",
        "sum_low": f"IFNULL(SUM(MOD({expression}, {unit})), 0)",
    }


def _split_decimal_sum(column: str) -> dict[str, str]:
    """MOD is slow on decimals, so only large values take it. DIV is a double's on the emulator; the quotient here is
    whole and has at most 14 digits, so that it is exact even by a double."""
    unit = f"NUMERIC '{DECIMAL_UNIT}'"
    small = f"ABS({column}) < {unit}"
    rest = f"MOD({column}, {unit})"
    quotient = f"CAST(CAST(ROUND(({column} - {rest}) / {unit}) AS INT64) AS NUMERIC)"
    return {
        "decimal_high": f"IFNULL(SUM(IF({small}, NUMERIC '0', {quotient})), 0)",
        "decimal_low": f"IFNULL(SUM(IF({small}, {column}, {rest})), 0)",
    }


def figure_value(value: object) -> Figure:
    """A number from BigQuery's client, or computed here, as a figure. TypeError for anything that is no number."""
    match value:
        case None:
            return None
        case int():
            return int(value)
        case float():
            return repr(value + 0.0)  # −0 and 0 are equal, and either may be the least of a column
        case Decimal():
            return int(value) if value == value.to_integral_value() else format(value.normalize(_EXACT), "f")
    raise TypeError(f"{value!r} cannot be a figure")


def combine(a: Figures, b: Figures) -> Figures:
    """The figures of two sets of rows together."""
    return {
        column: {
            name: _combine(name, a.get(column, {}).get(name), b.get(column, {}).get(name))
            for name in {**a.get(column, {}), **b.get(column, {})}
        }
        for column in {**a, **b}
    }


def differences(expected: Mapping[str, Mapping[str, Figure]], found: Mapping[str, Mapping[str, Figure]]) -> list[str]:
    """What is not equal, a sentence each; `expected` are BigQuery's."""
    sentences = []
    for column in {**expected, **found}:
        theirs, ours = _totals(expected.get(column, {})), _totals(found.get(column, {}))
        sentences += [
            f"{column}: {name} is {_shown(ours.get(name))}, BigQuery has {_shown(theirs.get(name))}"
            for name in {**theirs, **ours}
            if name not in theirs or name not in ours or theirs[name] != ours[name]
        ]
    return sentences


def _combine(name: str, a: Figure, b: Figure) -> Figure:
    if a is None or b is None:
        return a if b is None else b
    if name in ("min", "max"):
        return (min if name == "min" else max)(a, b, key=Decimal)
    with localcontext(_EXACT):
        return figure_value(Decimal(a) + Decimal(b))


def _totals(figures: Mapping[str, Figure]) -> dict[str, Decimal | None]:
    values = {name: None if value is None else Decimal(value) for name, value in figures.items()}
    for parts, unit in (("sum", SUM_UNIT), ("decimal", DECIMAL_UNIT)):
        high, low = f"{parts}_high", f"{parts}_low"
        if high in values and low in values:
            with localcontext(_EXACT):
                values["sum"] = (values.pop(high) or Decimal(0)) * unit + (values.pop(low) or Decimal(0))
    return values


def _shown(value: Decimal | None) -> str:
    return "absent" if value is None else str(value)
