import json
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.dataset import Column
from shared.domain.figures import DECIMAL_UNIT, SUM_UNIT, Figure, Kind, combine, differences, expressions, figure_value
from shared.domain.types import TargetColumn, WireColumn, match_column
from shared.refresh.arrow_types import received_type
from shared.refresh.measure import measure

_INT64 = st.integers(min_value=-(2**63), max_value=2**63 - 1)
_NUMERIC_MAX = 10**38 - 1
_NUMERICS = st.one_of(
    st.integers(-_NUMERIC_MAX, _NUMERIC_MAX),
    st.integers(-(10**18), 10**18),
    st.sampled_from([_NUMERIC_MAX, -_NUMERIC_MAX]),
).map(lambda unscaled: Decimal(f"{unscaled}e-9"))


def _column(source: str, target: str) -> WireColumn:
    return match_column(
        table="public.cells",
        source=Column(name="x", type=source),
        target=TargetColumn(name="x", type=target, not_null=False, has_default=False),
    )


_INT = _column("INT64", "bigint")
_NUMERIC = _column("NUMERIC", "numeric")
_FLOAT = _column("FLOAT64", "double precision")
_TEXT = _column("STRING", "text")


def _measure(column: WireColumn, values: list[object]) -> dict[str, Figure]:
    return measure(column, pa.array(values, received_type(column)))


def _exact(figures: dict[str, Figure], high: str, low: str, unit: int) -> int:
    scaled = Decimal(str(figures[low])).scaleb(9)
    return int(str(figures[high])) * unit * 10**9 + int(scaled)


@given(st.lists(st.none() | _INT64))
def test_sums_of_integers_are_exact(values: list[int | None]) -> None:
    figures = _measure(_INT, list(values))
    numbers = [value for value in values if value is not None]
    assert figures["count"] == len(numbers)
    assert _exact(figures, "sum_high", "sum_low", SUM_UNIT) == sum(numbers) * 10**9


@given(st.lists(st.none() | _NUMERICS))
def test_sums_of_decimals_are_exact(values: list[Decimal | None]) -> None:
    figures = _measure(_NUMERIC, list(values))
    unscaled = sum(Fraction(value) * 10**9 for value in values if value is not None)
    assert _exact(figures, "decimal_high", "decimal_low", DECIMAL_UNIT) == unscaled


@given(st.lists(st.none() | st.floats()))
def test_floats(values: list[float | None]) -> None:
    figures = _measure(_FLOAT, list(values))
    numbers = [value for value in values if value is not None]
    finite = [value for value in numbers if value - value == 0]
    assert figures["nan"] == sum(value != value for value in numbers)
    assert figures["infinite"] == numbers.count(float("inf"))
    assert figures["negative_infinite"] == numbers.count(float("-inf"))
    assert figures["min"] == (figure_value(min(finite)) if finite else None)
    assert figures["max"] == (figure_value(max(finite)) if finite else None)


@pytest.mark.parametrize(
    ("source", "target", "values"),
    [
        ("INT64", "bigint", [1, None, -(2**63), 2**63 - 1, 7]),
        ("NUMERIC", "numeric", [Decimal("-1.5"), None, Decimal("9" * 29 + ".1"), Decimal(0), Decimal("1e-9")]),
        ("FLOAT64", "double precision", [1.5, None, float("nan"), float("-inf"), -0.0]),
        ("BOOL", "boolean", [True, None, False, True, True]),
        ("STRING", "text", ["", None, "ü😀", "a\0b", "x"]),
        ("BYTES", "bytea", [b"", None, b"\0\xff", b"x", b"yz"]),
        ("ARRAY<INT64>", "bigint[]", [[], [1, None], [3], [], [4, 5, 6]]),
        ("JSON", "jsonb", ["{}", None, "[1]", '"ü"', "null"]),
    ],
)
def test_parts_and_slices_add_up(source: str, target: str, values: list[object]) -> None:
    column = _column(source, target)
    whole = pa.array(values, received_type(column))
    parts = combine({"x": measure(column, whole.slice(0, 2))}, {"x": measure(column, whole.slice(2))})
    assert differences({"x": measure(column, whole)}, parts) == []
    assert differences({"x": measure(column, whole)}, json.loads(json.dumps(parts))) == []
    assert set(parts["x"]) == set(expressions(column.kind, repeated=column.repeated, column="c0"))


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("repeated", [False, True])
def test_what_is_measured_is_what_is_asked_of_bigquery(kind: Kind, repeated: bool) -> None:
    sources = {
        Kind.TEXT: ("STRING", "text"),
        Kind.INT: ("INT64", "bigint"),
        Kind.FLOAT: ("FLOAT64", "double precision"),
        Kind.BOOL: ("BOOL", "boolean"),
        Kind.NUMERIC: ("NUMERIC", "numeric"),
        Kind.BYTES: ("BYTES", "bytea"),
        Kind.DATE: ("DATE", "date"),
        Kind.TIME: ("TIME", "time without time zone"),
        Kind.DATETIME: ("DATETIME", "timestamp without time zone"),
        Kind.TIMESTAMP: ("TIMESTAMP", "timestamp with time zone"),
        Kind.JSON: ("JSON", "jsonb"),
        Kind.LITERAL: ("BIGNUMERIC", "numeric"),
    }
    source, target = sources[kind]
    column = _column(f"ARRAY<{source}>", f"{target}[]") if repeated else _column(source, target)
    assert set(_measure(column, [])) == set(column.figure_expressions("c0"))
    assert set(_measure(column, [None])) == set(column.figure_expressions("c0"))


def test_differences_are_told_in_words() -> None:
    bigquery = {"a": {"count": 3, "bytes": 10}, "b": {"count": 3, "sum_high": 1, "sum_low": 0}, "c": {"count": 1}}
    arrived = {"a": {"count": 2, "bytes": 10}, "b": {"count": 3, "sum_high": 0, "sum_low": SUM_UNIT + 1}}
    assert differences(bigquery, arrived) == [
        "a: count is 2, BigQuery has 3",
        f"b: sum is {SUM_UNIT + 1}, BigQuery has {SUM_UNIT}",
        "c: count is absent, BigQuery has 1",
    ]


def test_a_total_is_compared_however_it_is_split() -> None:
    assert differences({"a": {"sum_high": 1, "sum_low": -1}}, {"a": {"sum_high": 0, "sum_low": SUM_UNIT - 1}}) == []


@pytest.mark.parametrize(
    ("value", "figure"),
    [
        (None, None),
        (7, 7),
        (Decimal("7.000"), 7),
        (Decimal("1e20"), 10**20),
        (Decimal("-1.500000000"), "-1.5"),
        (0.1, "0.1"),
        (-0.0, "0.0"),
        (5e-324, "5e-324"),
    ],
)
def test_numbers_from_bigquery(value: object, figure: Figure) -> None:
    assert figure_value(value) == figure


def test_what_is_no_number_is_no_figure() -> None:
    with pytest.raises(TypeError, match="figure"):
        figure_value("7")
