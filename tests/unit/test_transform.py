import json
import math
import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.dataset import Column
from shared.domain.errors import PermanentError
from shared.domain.types import TargetColumn, WireColumn, match_column
from shared.refresh.encode import CopyEncoder
from shared.refresh.transform import Transform, Transformed


def _column(
    source: str, target: str, *, name: str = "x", not_null: bool = False, nul_policy: str = "strip"
) -> WireColumn:
    return match_column(
        table="public.cells",
        source=Column(name=name, type=source),
        target=TargetColumn(name=name, type=target, not_null=not_null, has_default=False),
        nul_policy=nul_policy,
    )


def _apply(column: WireColumn, values: list[Any] | pa.Array, kind: pa.DataType | None = None) -> Transformed:
    array = pa.array(values, kind) if isinstance(values, list) else values
    return Transform([column]).apply(pa.record_batch({"c0": array}))


def _values(transformed: Transformed) -> list[Any]:
    values: list[Any] = transformed.batch.column(0).to_pylist()
    return values


def _reasons(transformed: Transformed) -> list[tuple[str, str]]:
    return [(rejected.reason, rejected.column) for rejected in transformed.rejected]


_WITH_NUL = ["a\0b", None, "", "\0", "ü😀", "c"]


def test_nul_is_stripped_and_counted_and_the_figures_are_of_what_arrived() -> None:
    transformed = _apply(_column("STRING", "text"), _WITH_NUL)
    assert _values(transformed) == ["ab", None, "", "", "ü😀", "c"]
    assert transformed.stripped == {"x": 2}
    assert transformed.figures == {"x": {"count": 5, "bytes": 3 + 0 + 1 + 6 + 1}}
    assert transformed.rejected == ()


def test_nul_is_quarantined() -> None:
    transformed = _apply(_column("STRING", "text", nul_policy="quarantine"), _WITH_NUL)
    assert _values(transformed) == [None, "", "ü😀", "c"]
    assert _reasons(transformed) == [("nul_in_text", "x")] * 2
    assert transformed.rejected[0].row == {"x": "a\\u0000b"}
    assert transformed.stripped == {}
    assert (transformed.received, transformed.batch.num_rows) == (6, 4)


def test_nul_fails_the_task() -> None:
    with pytest.raises(PermanentError, match=r"column x: 2 value\(s\)") as failed:
        _apply(_column("STRING", "text", nul_policy="reject"), _WITH_NUL)
    assert failed.value.reason == "nul_in_text"


@pytest.mark.parametrize("policy", ["strip", "reject", "quarantine"])
def test_text_without_nul_is_left_alone(policy: str) -> None:
    transformed = _apply(_column("STRING", "text", nul_policy=policy), ["\\u0000", "\\0", None])
    assert _values(transformed) == ["\\u0000", "\\0", None]


def test_nul_in_elements() -> None:
    values = [["a\0", "b"], [], [None], ["c", "\0\0"]]
    assert _values(_apply(_column("ARRAY<STRING>", "text[]"), values)) == [["a", "b"], [], [None], ["c", ""]]
    quarantined = _apply(_column("ARRAY<STRING>", "text[]", nul_policy="quarantine"), values)
    assert _values(quarantined) == [[], [None]]
    assert [rejected.row for rejected in quarantined.rejected] == [
        {"x": ["a\\u0000", "b"]},
        {"x": ["c", "\\u0000\\u0000"]},
    ]


@given(st.lists(st.none() | st.text(st.characters(codec="utf-8"))), st.data())
def test_any_text_of_any_slice(texts: list[str | None], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(texts)))
    count = data.draw(st.integers(0, len(texts) - start))
    transformed = _apply(_column("STRING", "text"), pa.array(texts, pa.string()).slice(start, count))
    taken = texts[start : start + count]
    assert _values(transformed) == [None if text is None else text.replace("\0", "") for text in taken]
    assert transformed.stripped.get("x", 0) == sum("\0" in text for text in taken if text is not None)
    assert transformed.figures["x"]["bytes"] == sum(len(text.encode()) for text in taken if text is not None)


@pytest.mark.parametrize(
    ("arrived", "stored"),
    [
        (r'{"a":"x\u0000y"}', '{"a":"xy"}'),
        (r'{"a\u0000":1}', '{"a":1}'),
        (r'"\\u0000"', r'"\\u0000"'),
        (r'"\\\u0000"', r'"\\"'),
        (r'"\\\\u0000"', r'"\\\\u0000"'),
        (r'"\ud800"', '""'),
        (r'"\uD800x\udfff"', '"x"'),
        (r'"\ud83d\ude00"', r'"\ud83d\ude00"'),
        (r'"\ud83d\ud83d\ude00"', r'"\ud83d\ude00"'),
        (r'"\ud83d\u0000\ude00"', '""'),
        (r'"\u00e9\n"', r'"\u00e9\n"'),
    ],
)
def test_json_escapes_that_postgres_refuses_are_stripped(arrived: str, stored: str) -> None:
    transformed = _apply(_column("JSON", "jsonb"), [None, arrived])
    assert _values(transformed) == [None, stored]
    assert transformed.stripped == ({} if arrived == stored else {"x": 1})


def test_json_escapes_follow_the_policy() -> None:
    arrived = [r'"\ud800"', r'"\\u0000"', r'"\u0000"']
    quarantined = _apply(_column("JSON", "jsonb", nul_policy="quarantine"), arrived)
    assert _values(quarantined) == [r'"\\u0000"']
    assert _reasons(quarantined) == [("nul_in_text", "x")] * 2
    with pytest.raises(PermanentError, match="column x"):
        _apply(_column("JSON", "jsonb", nul_policy="reject"), arrived)
    assert _values(_apply(_column("JSON", "text", nul_policy="reject"), arrived)) == arrived


_UNRULY = st.text(st.sampled_from('\0\ud83d\ude00\\u0d8"é') | st.characters())


@given(
    st.recursive(st.none() | st.integers() | _UNRULY, lambda inner: st.lists(inner) | st.dictionaries(_UNRULY, inner))
)
def test_any_json_with_surrogates_and_nul(value: Any) -> None:
    (stored,) = _values(_apply(_column("JSON", "jsonb"), [json.dumps(value)]))
    assert json.loads(stored) == _fit(value)


def _fit(value: Any) -> Any:
    match value:
        case str():
            paired = value.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
            return paired.replace("\0", "")
        case list():
            return [_fit(item) for item in value]
        case dict():
            return {_fit(key): _fit(item) for key, item in value.items()}
    return value


def test_bare_numbers_that_json_lacks_become_strings() -> None:
    arrived = ['{"a":NaN,"b":[-Infinity,Infinity],"c":"NaN: \\"Infinity"}', '"NaN"', None]
    stored = _values(_apply(_column("STRUCT", "jsonb"), arrived))
    assert stored == ['{"a":"NaN","b":["-Infinity","Infinity"],"c":"NaN: \\"Infinity"}', '"NaN"', None]


def test_lengths_count_characters() -> None:
    transformed = _apply(
        _column("STRING", "character varying(3)"), ["abc", "äöü", "😀😀😀", "abcd", "ab  ", None, "a\0bc"]
    )
    assert _values(transformed) == ["abc", "äöü", "😀😀😀", None, "abc"]
    assert [(one.reason, one.row) for one in transformed.rejected] == [
        ("too_long", {"x": "abcd"}),
        ("too_long", {"x": "ab  "}),
    ]


@pytest.mark.parametrize(("target", "bits"), [("integer", 32), ("smallint", 16)])
def test_narrow_integers(target: str, bits: int) -> None:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    transformed = _apply(_column("INT64", target), [low, high, None, low - 1, high + 1, 0])
    assert _values(transformed) == [low, high, None, 0]
    assert _reasons(transformed) == [("out_of_range", "x")] * 2
    elements = _apply(_column("ARRAY<INT64>", f"{target}[]"), [[low], [], [1, high + 1], [high]])
    assert _values(elements) == [[low], [], [high]]


_NUMBERS = st.one_of(
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.integers(-(10**12), 10**12),
    st.integers(-(10**5), 10**5).map(lambda i: i * 10**7),
).map(lambda unscaled: Decimal(f"{unscaled}e-9"))


@given(st.lists(st.none() | _NUMBERS), st.integers(1, 40), st.integers(-40, 14))
def test_numeric_limits(values: list[Decimal | None], precision: int, scale: int) -> None:
    fitting = [value for value in values if value is None or _fits_exactly(value, precision, scale)]
    for source, arrived, kind in (
        ("NUMERIC", list(values), pa.decimal128(38, 9)),
        ("BIGNUMERIC", [None if value is None else format(value, "f") for value in values], pa.string()),
    ):
        transformed = _apply(_column(source, f"numeric({precision},{scale})"), arrived, kind)
        stored = [None if value is None else Decimal(value) for value in _values(transformed)]
        assert stored == fitting
        assert set(_reasons(transformed)) <= {("does_not_fit_numeric", "x")}


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)), st.integers(1, 25), st.integers(-40, 14))
def test_numeric_limits_of_integers(values: list[int | None], precision: int, scale: int) -> None:
    transformed = _apply(_column("INT64", f"numeric({precision},{scale})"), list(values), pa.int64())
    assert _values(transformed) == [v for v in values if v is None or _fits_exactly(Decimal(v), precision, scale)]


def _fits_exactly(value: Decimal, precision: int, scale: int) -> bool:
    numerator, denominator = value.as_integer_ratio()
    scaled, rest = divmod(abs(numerator) * 10 ** max(scale, 0), denominator * 10 ** max(-scale, 0))
    return bool(rest == 0 and scaled < 10**precision)


@pytest.mark.parametrize("sign", ["", "-"])
def test_the_first_number_that_does_not_fit(sign: str) -> None:
    for digits in (1, 20, 28):
        fits, too_large = Decimal(f"{sign}{'9' * digits}.{'9' * 9}"), Decimal(f"{sign}1e{digits}")
        transformed = _apply(_column("NUMERIC", f"numeric({digits + 9},9)"), [fits, too_large], pa.decimal128(38, 9))
        assert _values(transformed) == [fits]


def test_bignumeric_of_all_its_digits() -> None:
    longest = "-" + "5" * 38 + "." + "7" * 38
    column = _column("BIGNUMERIC", "numeric")
    assert _values(_apply(column, [longest, "1e-38", None])) == [longest, "1e-38", None]
    assert _values(_apply(_column("BIGNUMERIC", "numeric(76,38)"), [longest])) == [longest]
    assert _reasons(_apply(_column("BIGNUMERIC", "numeric(76,37)"), [longest])) == [("does_not_fit_numeric", "x")]


def test_null_where_the_target_has_none() -> None:
    transformed = _apply(_column("INT64", "bigint", not_null=True), [1, None, 3])
    assert _values(transformed) == [1, 3]
    assert _reasons(transformed) == [("null_in_not_null", "x")]
    assert transformed.figures["x"]["count"] == 2


def test_a_row_is_rejected_once_with_its_first_reason() -> None:
    columns = [
        _column("INT64", "smallint", name="small"),
        _column("STRING", "character varying(1)", name="short", not_null=True),
    ]
    batch = pa.record_batch({"c0": pa.array([1, 99_999, 2, 99_999]), "c1": pa.array(["a", "bb", None, "b"])})
    transformed = Transform(columns).apply(batch)
    assert transformed.batch.to_pylist() == [{"small": 1, "short": "a"}]
    assert [(one.reason, one.column, one.row) for one in transformed.rejected] == [
        ("out_of_range", "small", {"small": 99_999, "short": "bb"}),
        ("null_in_not_null", "short", {"small": 2, "short": None}),
        ("out_of_range", "small", {"small": 99_999, "short": "b"}),
    ]


def test_rejected_rows_survive_json() -> None:
    cells: list[tuple[str, str, Any, Any]] = [
        ("STRING", "text", "a\0", "a\\u0000"),
        ("INT64", "bigint", 2**63 - 1, 2**63 - 1),
        ("FLOAT64", "double precision", math.inf, "inf"),
        ("FLOAT64", "double precision", 0.5, 0.5),
        ("BOOL", "boolean", True, True),
        ("NUMERIC", "numeric", Decimal("1e-9"), "0.000000001"),
        ("BYTES", "bytea", b"\0\xff", "\\x00ff"),
        ("DATE", "date", date(1, 1, 1), "0001-01-01"),
        ("TIME", "time without time zone", time(23, 59, 59, 999_999), "23:59:59.999999"),
        ("DATETIME", "timestamp without time zone", datetime(1, 1, 1), "0001-01-01T00:00:00"),
        ("TIMESTAMP", "timestamp with time zone", datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999+00:00"),
        ("ARRAY<DATE>", "date[]", [date(1, 1, 1)], ["0001-01-01"]),
    ]
    columns = [_column("INT64", "bigint", name="key", not_null=True)]
    columns += [_column(source, target, name=f"x{i}") for i, (source, target, _, _) in enumerate(cells)]
    arrays = {"c0": pa.array([None], pa.int64())}
    arrays |= {
        f"c{i + 1}": pa.array([value], pa.decimal128(38, 9) if source == "NUMERIC" else None)
        for i, (source, _, value, _) in enumerate(cells)
    }
    (rejected,) = Transform(columns).apply(pa.record_batch(arrays)).rejected
    row = json.loads(json.dumps(rejected.row, allow_nan=False))
    assert list(row.values()) == [None, *(expected for *_, expected in cells)]


def test_reserved_columns_are_added_up() -> None:
    batch = pa.record_batch(
        {"c0": pa.array([1, 2]), "refresh_superseded": pa.array([1, 3]), "refresh_merged": pa.array([0, 5])}
    )
    transformed = Transform([_column("INT64", "bigint")]).apply(batch)
    assert (transformed.superseded, transformed.merged) == (4, 5)
    assert transformed.batch.schema.names == ["x"]


@pytest.mark.parametrize(
    ("column", "array"),
    [
        (_column("STRING", "text"), pa.array(["a", None, "ü\0"], pa.large_string())),
        (_column("STRING", "text"), pa.array(["a", None, "ü\0"], pa.string_view())),
        (_column("STRING", "text"), pa.array(["a", None, "ü\0"]).dictionary_encode()),
        (_column("BYTES", "bytea"), pa.array([b"a", None, b"\0"], pa.large_binary())),
        (_column("INT64", "bigint"), pa.array([1, None, 3], pa.int32())),
        (_column("NUMERIC", "numeric"), pa.array([Decimal("1.5"), None, Decimal(2)], pa.decimal128(12, 2))),
        (
            _column("TIMESTAMP", "timestamp with time zone"),
            pa.array([datetime(2020, 1, 1, tzinfo=UTC)], pa.timestamp("us", "Etc/UTC")),
        ),
        (_column("ARRAY<STRING>", "text[]"), pa.array([["a"], []], pa.list_(pa.field("element", pa.large_string())))),
        (_column("ARRAY<STRING>", "text[]"), pa.array([["a"], []], pa.large_list(pa.string_view()))),
    ],
)
def test_other_encodings_of_the_same_type(column: WireColumn, array: pa.Array) -> None:
    transformed = _apply(column, array)
    cleaned = [value.replace("\0", "") if isinstance(value, str) else value for value in array.to_pylist()]
    assert _values(transformed) == cleaned
    assert b"".join(CopyEncoder([column]).chunks([transformed.batch], slice_no=1))


def test_another_type_is_an_error_that_names_the_column() -> None:
    with pytest.raises(PermanentError, match=r"column x arrived as .*list.*, not int64") as failed:
        _apply(_column("INT64", "bigint"), [[1]])
    assert failed.value.reason == "unexpected_wire_type"


def test_an_empty_batch() -> None:
    transformed = _apply(_column("STRING", "character varying(3)"), [], pa.string())
    assert (transformed.received, transformed.batch.num_rows) == (0, 0)


def _rows(stream: bytes) -> Iterator[list[bytes | None]]:
    """The rows of a binary COPY stream, as the server would take it apart."""
    assert stream[:19] == b"PGCOPY\n\xff\r\n\0" + bytes(8)
    at = 19
    while (count := struct.unpack_from(">h", stream, at)[0]) != -1:
        at += 2
        row: list[bytes | None] = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", stream, at)
            at += 4
            row.append(None if length < 0 else stream[at : at + length])
            at += max(length, 0)
        yield row
    assert at + 2 == len(stream)


@given(
    st.lists(
        st.lists(
            st.tuples(st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.integers(-9, 9))
        )
    )
)
def test_the_stream_is_complete(batches: list[list[tuple[str | None, int]]]) -> None:
    columns = [_column("STRING", "text", name="a"), _column("INT64", "smallint", name="b")]
    transform = Transform(columns)
    clean = [
        transform.apply(
            pa.record_batch(
                {"c0": pa.array([a for a, _ in rows], pa.string()), "c1": pa.array([b for _, b in rows], pa.int64())}
            )
        ).batch
        for rows in batches
    ]
    stream = b"".join(CopyEncoder(columns).chunks(clean, slice_no=70_000))
    assert list(_rows(stream)) == [
        [None if a is None else a.encode(), struct.pack(">h", b), struct.pack(">i", 70_000)]
        for rows in batches
        for a, b in rows
    ]


def test_long_batches_leave_in_chunks_of_about_a_mebibyte() -> None:
    column = _column("STRING", "text")
    batch = _apply(column, ["x" * 1000] * 20_000).batch
    chunks = list(CopyEncoder([column]).chunks([batch, batch], slice_no=1))
    assert max(map(len, chunks)) < 2 * 1024 * 1024
    assert sum(1 for _ in _rows(b"".join(chunks))) == 40_000


def test_a_batch_of_other_columns_is_refused() -> None:
    stream = CopyEncoder([_column("INT64", "bigint")]).chunks([pa.record_batch({"x": pa.array(["a"])})], slice_no=1)
    with pytest.raises(ValueError, match="a batch has the columns"):
        list(stream)
