"""How two types of a source column relate, and which Postgres type holds the later one."""

from __future__ import annotations

import re

from shared.domain.dataset import Column
from shared.domain.drift import DriftKind
from shared.domain.matching import wire_of
from shared.domain.postgres_type import PostgresType

_EXACT_NUMBERS = ("INT64", "NUMERIC", "BIGNUMERIC")
"""Each holds every value of those before it."""
_INTEGERS = ("smallint", "integer", "bigint")


def kind_of_change(before: str, after: str) -> DriftKind | None:
    """What a change between two full type names is; None for none."""
    if before == after:
        return None
    (old, old_numbers), (new, new_numbers) = parsed_type(before), parsed_type(after)
    if old != new:
        if old in _EXACT_NUMBERS and new in _EXACT_NUMBERS:
            grows = _EXACT_NUMBERS.index(new) > _EXACT_NUMBERS.index(old)
            return DriftKind.WIDENED if grows else DriftKind.NARROWED
        return DriftKind.RETYPED
    if not new_numbers:
        return DriftKind.WIDENED
    if not old_numbers:
        return DriftKind.NARROWED
    larger = any(b > a for a, b in zip(_room(old_numbers), _room(new_numbers), strict=True))
    return DriftKind.WIDENED if larger else DriftKind.NARROWED


def can_hold(column: Column, target_type: str) -> bool:
    """Whether the column can be read into the target type at all: a Postgres type, or for datasets a BigQuery type."""
    if target_type in _EXACT_NUMBERS and column.type in _EXACT_NUMBERS:
        return _EXACT_NUMBERS.index(column.type) <= _EXACT_NUMBERS.index(target_type)
    if target_type == column.type:
        return True
    try:
        wire_of(column.type, PostgresType.parse(target_type), target_type)
    except ValueError:
        return False
    return True


def wider_type(column: Column, target_type: str) -> str | None:
    """The type that the target column needs in order to hold every value of the source column; None: it does already,
    or no widening helps."""
    target = PostgresType.parse(target_type)
    if target.array:
        return None
    if column.type == "STRING" and target.base == "character varying" and target.modifiers:
        if not column.parameters:
            return "text"
        length = column.parameters[0]
        return f"character varying({length})" if length > target.numbers[0] else None
    if column.type not in ("NUMERIC", "BIGNUMERIC"):
        return None
    if target.base in _INTEGERS:
        return "numeric"
    if target.base != "numeric" or not target.modifiers:
        return None
    if not column.parameters:
        return "numeric"
    wanted, has = _room(column.parameters), _room(target.numbers)
    whole, scale = max(wanted[0], has[0]), max(wanted[-1], has[-1])
    return None if (whole, scale) == has else f"numeric({whole + scale},{scale})"


def rewrites(before: str, after: str) -> bool:
    """Whether Postgres has to write the whole table anew for the change of type."""
    old, new = PostgresType.parse(before), PostgresType.parse(after)
    if old.base == "character varying":
        return new.base not in ("character varying", "text")
    same_scale = not new.modifiers or _room(old.numbers)[-1] == _room(new.numbers)[-1] if old.modifiers else False
    return not (old.base == new.base == "numeric" and same_scale)


def parsed_type(text: str) -> tuple[str, tuple[int, ...]]:
    """A full type name without its parameters, and the parameters: STRING(10) is STRING and (10,)."""
    base, _, rest = text.partition("(") if not text.startswith(("ARRAY", "RANGE")) else (text, "", "")
    return base, tuple(int(number) for number in re.findall(r"\d+", rest))


def _room(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """A length, or digits before and behind the point."""
    if len(numbers) == 1:
        return numbers
    precision, scale = numbers
    return precision - scale, scale
