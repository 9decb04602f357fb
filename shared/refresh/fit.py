"""Which values do not fit into a target column that is narrower than its type: too long, out of range, more digits."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from shared.domain.figures import Kind
from shared.domain.postgres_type import PostgresType
from shared.domain.types import WireColumn

_INTEGER_BITS = {"integer": 32, "smallint": 16}
_LENGTHS = {"character varying", "character"}
_NUMERIC_SCALE = 9
_NUMERIC_WHOLE_DIGITS = 29
_INT64_MAX = (1 << 63) - 1

Misfits = Callable[[pa.Array], pa.Array | None]
"""Positions of the values that do not fit, None when all do."""


class Limit(NamedTuple):
    """What a narrower column asks of each value, and the reason when a value does not comply."""

    reason: str
    misfits: Misfits


def limit_of(column: WireColumn) -> Limit | None:
    """The limit of the column (of its elements, for an array); None when it holds all that its source can have."""
    target = PostgresType.parse(column.target_type)
    if target.base in _LENGTHS and target.modifiers:
        return Limit("too_long", _too_long(target.numbers[0]))
    if target.base in _INTEGER_BITS:
        bound = 1 << _INTEGER_BITS[target.base] - 1
        return Limit("out_of_range", _outside(-bound, bound - 1))
    if target.base == "numeric" and target.modifiers:
        precision, scale = (*target.numbers, 0)[:2]
        return Limit("does_not_fit_numeric", _NUMERIC_LIMITS[column.kind](precision, scale))
    return None


def _too_long(length: int) -> Misfits:
    def misfits(values: pa.Array) -> pa.Array | None:
        longest = pc.max(pc.binary_length(values)).as_py()
        if longest is None or longest <= length:
            return None
        return _positions(pc.greater(pc.utf8_length(values), length))

    return misfits


def _outside(low: int | Decimal, high: int | Decimal) -> Misfits:
    def misfits(values: pa.Array) -> pa.Array | None:
        extremes = pc.min_max(values)
        least, greatest = extremes["min"].as_py(), extremes["max"].as_py()
        if least is None or (low <= least and greatest <= high):
            return None
        kind = values.type
        return _positions(pc.or_(pc.less(values, pa.scalar(low, kind)), pc.greater(values, pa.scalar(high, kind))))

    return misfits


def _int_as_numeric(precision: int, scale: int) -> Misfits:
    greatest = 10 ** max(precision - scale, 0) - 1
    in_range = _outside(-greatest, greatest)
    unit = 10 ** max(-scale, 0)

    def misfits(values: pa.Array) -> pa.Array | None:
        found = in_range(values)
        if unit == 1:
            return found
        return _either(found, _positions(_no_multiple(values, unit)))

    return misfits


def _decimal_as_numeric(precision: int, scale: int) -> Misfits:
    whole_digits = min(max(precision - scale, -_NUMERIC_SCALE), _NUMERIC_WHOLE_DIGITS)
    greatest = f"{10 ** (whole_digits + _NUMERIC_SCALE) - 1}e-{_NUMERIC_SCALE}"
    in_range = _outside(Decimal(f"-{greatest}"), Decimal(greatest))

    def misfits(values: pa.Array) -> pa.Array | None:
        found = in_range(values)
        if scale >= _NUMERIC_SCALE:
            return found
        return _either(found, _positions(_finer(values, scale)))

    return misfits


def _finer(values: pa.Array, scale: int) -> pa.Array:
    """Whether values have digits beyond the scale; in 64-bit integers where all fit into them, which is much faster."""
    try:
        unscaled = pc.cast(values.view(pa.decimal128(38, 0)), pa.int64())
        return _no_multiple(unscaled, 10 ** (_NUMERIC_SCALE - scale))
    except pa.ArrowInvalid:
        if scale <= -_NUMERIC_WHOLE_DIGITS:
            return pc.not_equal(values, pa.scalar(Decimal(0), values.type))
        return pc.not_equal(pc.round(values, ndigits=scale, round_mode="towards_zero"), values)


def _no_multiple(values: pa.Array, unit: int) -> pa.Array:
    if unit > _INT64_MAX:
        return pc.not_equal(values, pa.scalar(0, pa.int64()))
    return pc.not_equal(pc.multiply(pc.divide(values, unit), unit), values)


def _text_as_numeric(precision: int, scale: int) -> Misfits:
    def misfits(values: pa.Array) -> pa.Array | None:
        texts = enumerate(values.to_pylist())
        rows = [row for row, text in texts if text is not None and not _fits(text, precision, scale)]
        return pa.array(rows, pa.uint64()) if rows else None

    return misfits


def _fits(text: str, precision: int, scale: int) -> bool:
    _, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    unscaled = int("".join(map(str, digits)))
    while unscaled and unscaled % 10 == 0:
        unscaled, exponent = unscaled // 10, exponent + 1
    return unscaled == 0 or (exponent >= -scale and unscaled * 10 ** (exponent + scale) < 10**precision)


_NUMERIC_LIMITS: dict[Kind, Callable[[int, int], Misfits]] = {
    Kind.INT: _int_as_numeric,
    Kind.NUMERIC: _decimal_as_numeric,
    Kind.LITERAL: _text_as_numeric,
}


def _positions(mask: pa.Array) -> pa.Array | None:
    found = pc.indices_nonzero(mask)
    return found if len(found) else None


def _either(a: pa.Array | None, b: pa.Array | None) -> pa.Array | None:
    if a is None or b is None:
        return b if a is None else a
    return pc.unique(pa.concat_arrays([a, b]))
