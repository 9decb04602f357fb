"""The figures of a column as it was received, equal to those of `figures.expressions` when nothing was lost."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from shared.domain.figures import DECIMAL_UNIT, SUM_UNIT, Figure, Kind, figure_value
from shared.domain.types import WireColumn

_INT64_MAX = (1 << 63) - 1
_DECIMAL_DIGITS = 38
_WIDE_DECIMAL = pa.decimal256(76, 9)


def measure(column: WireColumn, values: pa.Array) -> dict[str, Figure]:
    """The figures of normalised values, by name."""
    return {"count": len(values) - values.null_count} | _figures(column.kind, column.repeated, values)


def _figures(kind: Kind, repeated: bool, values: pa.Array) -> dict[str, Figure]:
    if repeated:
        return {"elements": _total(pc.list_value_length(values))}
    match kind:
        case Kind.INT:
            return _split(_exact_sum(values, *_extremes(values)))
        case Kind.NUMERIC:
            return _numeric(values)
        case Kind.FLOAT:
            return _float(values)
        case Kind.BOOL:
            return {"true": values.true_count}
        case Kind.DATE:
            days = values.view(pa.int32())
            low, high = _extremes(days)
            return {"min": low, "max": high, "sum": _total(days)}
        case Kind.TIME | Kind.DATETIME | Kind.TIMESTAMP:
            micros = values.view(pa.int64())
            low, high = _extremes(micros)
            return {"min": low, "max": high} | _split(_exact_sum(micros, low, high))
        case Kind.TEXT | Kind.BYTES | Kind.JSON | Kind.LITERAL:
            return {"bytes": _total(pc.binary_length(values))}


def _numeric(values: pa.Array) -> dict[str, Figure]:
    low, high = _extremes(values)
    largest = max(abs(low or 0), abs(high or 0))
    fits = largest.adjusted() + len(str(len(values))) + 9 < _DECIMAL_DIGITS - 1 if largest else True
    total = pc.sum(values if fits else pc.cast(values, _WIDE_DECIMAL)).as_py() or 0
    whole, rest = divmod(int(total), DECIMAL_UNIT)
    return {"decimal_high": whole, "decimal_low": figure_value(total - int(total) + rest)}


def _float(values: pa.Array) -> dict[str, Figure]:
    finite = pc.is_finite(values)
    if finite.true_count == len(values) - values.null_count:
        nan = infinite = negative = 0
        numbers = values
    else:
        nan = pc.is_nan(values).true_count
        infinite = pc.equal(values, float("inf")).true_count
        negative = pc.equal(values, float("-inf")).true_count
        numbers = values.filter(finite)
    low, high = _extremes(numbers)
    return {
        "nan": nan,
        "infinite": infinite,
        "negative_infinite": negative,
        "min": figure_value(low),
        "max": figure_value(high),
    }


def _extremes(values: pa.Array) -> tuple[Any, Any]:
    both = pc.min_max(values)
    return both["min"].as_py(), both["max"].as_py()


def _exact_sum(values: pa.Array, low: int | None, high: int | None) -> int:
    if low is None or high is None:
        return 0
    if max(abs(low), abs(high)) * len(values) <= _INT64_MAX:
        return _total(values)
    rest = pc.bit_wise_and(values, pa.scalar(SUM_UNIT - 1, pa.int64()))
    return _total(pc.shift_right(values, pa.scalar(32, pa.int64()))) * SUM_UNIT + _total(rest)


def _split(total: int) -> dict[str, Figure]:
    high, low = divmod(total, SUM_UNIT)
    return {"sum_high": high, "sum_low": low}


def _total(values: pa.Array) -> int:
    return pc.sum(values).as_py() or 0
