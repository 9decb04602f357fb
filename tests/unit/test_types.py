import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.dataset import Column
from shared.domain.errors import InvalidRegistration
from shared.domain.figures import Kind
from shared.domain.postgres_type import PostgresType
from shared.domain.types import MAX_NAME_BYTES, TargetColumn, WireColumn, match_column, target_name
from shared.refresh.encode import CopyEncoder


def _match(source: str, target: str, **options: str) -> WireColumn:
    return match_column(
        table="public.cells",
        source=Column(name="Cell", type=source),
        target=TargetColumn(name="cell", type=target, not_null=False, has_default=False),
        **options,
    )


# BigQuery type, Postgres type, staging type, what is published.
_PAIRS = [
    ("STRING", "text", "text", "s.x"),
    ("STRING(10)", "text", "text", "s.x"),
    ("STRING", "character varying", "character varying", "s.x"),
    ("STRING", "character varying(10)", "character varying(10)", "s.x"),
    ("STRING", "character(3)", "character(3)", "s.x"),
    ("STRING", "public.citext", "public.citext", "s.x"),
    ("INT64", "bigint", "bigint", "s.x"),
    ("INTEGER", "integer", "integer", "s.x"),
    ("INT64", "smallint", "smallint", "s.x"),
    ("INT64", "numeric", "bigint", "s.x::numeric"),
    ("INT64", "numeric(5,2)", "bigint", "s.x::numeric(5,2)"),
    ("FLOAT64", "double precision", "double precision", "s.x"),
    ("FLOAT", "double precision", "double precision", "s.x"),
    ("BOOL", "boolean", "boolean", "s.x"),
    ("BOOLEAN", "boolean", "boolean", "s.x"),
    ("NUMERIC", "numeric", "numeric", "trim_scale(s.x)"),
    ("NUMERIC(10, 2)", "numeric(12,2)", "numeric(12,2)", "s.x"),
    ("DECIMAL", "numeric", "numeric", "trim_scale(s.x)"),
    ("BIGNUMERIC", "numeric", "text", "trim_scale(s.x::numeric)"),
    ("BIGNUMERIC", "numeric(12,2)", "text", "s.x::numeric(12,2)"),
    ("BYTES", "bytea", "bytea", "s.x"),
    ("DATE", "date", "date", "s.x"),
    ("TIME", "time without time zone", "time without time zone", "s.x"),
    ("TIME", "time(6) without time zone", "time(6) without time zone", "s.x"),
    ("DATETIME", "timestamp without time zone", "timestamp without time zone", "s.x"),
    ("TIMESTAMP", "timestamp with time zone", "timestamp with time zone", "s.x"),
    ("JSON", "jsonb", "jsonb", "s.x"),
    ("JSON", "json", "json", "s.x"),
    ("JSON", "text", "text", "s.x"),
    ("STRUCT", "jsonb", "jsonb", "s.x"),
    ("STRUCT<a INT64, b STRUCT<c STRING>>", "jsonb", "jsonb", "s.x"),
    ("GEOGRAPHY", "text", "text", "s.x"),
    ("GEOGRAPHY", "geometry", "text", "('SRID=4326;' || s.x)::geometry"),
    ("GEOGRAPHY", "gis.geography(Point,4326)", "text", "('SRID=4326;' || s.x)::gis.geography(Point,4326)"),
    ("INTERVAL", "interval", "text", "s.x::interval"),
    ("RANGE<DATE>", "daterange", "text", "s.x::daterange"),
    ("RANGE<DATETIME>", "tsrange", "text", "s.x::tsrange"),
    ("RANGE<TIMESTAMP>", "tstzrange", "text", "s.x::tstzrange"),
    ("ARRAY<STRING>", "text[]", "text[]", "s.x"),
    ("ARRAY<STRING>", "character varying(10)[]", "text[]", "s.x::character varying(10)[]"),
    ("ARRAY<INT64>", "bigint[]", "bigint[]", "s.x"),
    ("ARRAY<INT64>", "integer[]", "bigint[]", "s.x::integer[]"),
    ("ARRAY<FLOAT64>", "double precision[]", "double precision[]", "s.x"),
    ("ARRAY<BOOL>", "boolean[]", "boolean[]", "s.x"),
    ("ARRAY<NUMERIC>", "numeric[]", "numeric[]", "s.x"),
    ("ARRAY<NUMERIC>", "numeric(5,2)[]", "numeric[]", "s.x::numeric(5,2)[]"),
    ("ARRAY<BIGNUMERIC>", "numeric[]", "text[]", "s.x::numeric[]"),
    ("ARRAY<BYTES>", "bytea[]", "bytea[]", "s.x"),
    ("ARRAY<DATE>", "date[]", "date[]", "s.x"),
    ("ARRAY<TIME>", "time without time zone[]", "time without time zone[]", "s.x"),
    ("ARRAY<DATETIME>", "timestamp without time zone[]", "timestamp without time zone[]", "s.x"),
    ("ARRAY<TIMESTAMP>", "timestamp with time zone[]", "text[]", "s.x::timestamp with time zone[]"),
    ("ARRAY<JSON>", "jsonb[]", "text[]", "s.x::jsonb[]"),
    ("ARRAY<JSON>", "jsonb", "jsonb", "s.x"),
    ("ARRAY<INT64>", "jsonb", "jsonb", "s.x"),
    ("ARRAY<STRUCT<a INT64>>", "jsonb", "jsonb", "s.x"),
    ("ARRAY<STRUCT>", "json", "json", "s.x"),
    ("ARRAY<GEOGRAPHY>", "text[]", "text[]", "s.x"),
    ("ARRAY<INTERVAL>", "interval[]", "text[]", "s.x::interval[]"),
]


@pytest.mark.parametrize(("source", "target", "staging", "published"), _PAIRS)
def test_allowed_pairs(source: str, target: str, staging: str, published: str) -> None:
    column = _match(source, target)
    assert column.staging_type == staging
    assert column.published("s.x") == published
    CopyEncoder([column])


@pytest.mark.parametrize(
    ("source", "target", "remedy"),
    [
        ("STRING", "bigint", "change the column's type to text"),
        ("STRING", "text[]", "change the column's type to text"),
        ("STRING", "uuid", "cast the source column in a view"),
        ("STRING", '"char"', "change the column's type to text"),
        ("INT64", "text", "bigint or integer or smallint or numeric"),
        ("INT64", "real", "bigint"),
        ("FLOAT64", "real", "double precision"),
        ("FLOAT64", "numeric", "double precision"),
        ("NUMERIC", "double precision", "numeric"),
        ("NUMERIC", "money", "numeric"),
        ("DATE", "timestamp without time zone", "date"),
        ("TIME", "time(3) without time zone", "round to 3 digits"),
        ("TIME", "time with time zone", "time without time zone"),
        ("DATETIME", "timestamp with time zone", "timestamp without time zone"),
        ("TIMESTAMP", "timestamp without time zone", "timestamp with time zone"),
        ("TIMESTAMP", "timestamp(0) with time zone", "round to 0 digits"),
        ("ARRAY<TIMESTAMP>", "timestamp(3) with time zone[]", "round to 3 digits"),
        ("JSON", "character varying(100)", "jsonb or json or text"),
        ("INTERVAL", "interval day to second", "interval"),
        ("INTERVAL", "interval(3)", "round to 3 digits"),
        ("RANGE<DATE>", "tsrange", "daterange"),
        ("GEOGRAPHY", "geometry(Point,3857)", "SRID 4326"),
        ("ARRAY<INT64>", "bigint", "jsonb or bigint[]"),
        ("ARRAY<STRUCT<a INT64>>", "text[]", "jsonb"),
        ("ARRAY<RANGE<DATE>>", "daterange[]", "jsonb"),
        ("FOREIGN", "text", "cast the source column to STRING in a view"),
    ],
)
def test_refused_pairs_say_what_to_change(source: str, target: str, remedy: str) -> None:
    with pytest.raises(InvalidRegistration) as refused:
        _match(source, target)
    for part in ("public.cells", "cell", "Cell", source, target, remedy):
        assert part in str(refused.value)


def test_unknown_nul_policy_is_refused() -> None:
    with pytest.raises(InvalidRegistration, match="strip, reject, quarantine"):
        _match("STRING", "text", nul_policy="ignore")


def test_the_name_that_staging_needs_is_refused() -> None:
    target = TargetColumn(name="refresh_slice", type="text", not_null=False, has_default=False)
    with pytest.raises(InvalidRegistration, match="rename"):
        match_column(table="public.cells", source=Column(name="x", type="STRING"), target=target)


@pytest.mark.parametrize(
    ("source", "target", "expression"),
    [
        ("STRING", "text", "`x`"),
        ("NUMERIC", "numeric", "`x`"),
        ("BIGNUMERIC", "numeric", "CAST(`x` AS STRING)"),
        ("JSON", "jsonb", "IF(`x` IS NULL, NULL, TO_JSON_STRING(`x`))"),
        ("GEOGRAPHY", "text", "ST_ASTEXT(`x`)"),
        ("ARRAY<INT64>", "bigint[]", "IFNULL(`x`, [])"),
        ("ARRAY<STRUCT<a INT64>>", "jsonb", "TO_JSON_STRING(IFNULL(`x`, []))"),
        (
            "ARRAY<TIMESTAMP>",
            "timestamp with time zone[]",
            "ARRAY(SELECT CAST(refresh_item AS STRING) FROM UNNEST(`x`) refresh_item WITH OFFSET refresh_at "
            "ORDER BY refresh_at)",
        ),
    ],
)
def test_what_travels(source: str, target: str, expression: str) -> None:
    assert _match(source, target).wire_expression("`x`") == expression


def test_braces_in_a_name_are_kept() -> None:
    assert _match("BIGNUMERIC", "numeric").wire_expression("`a{b}`") == "CAST(`a{b}` AS STRING)"


def test_an_array_that_travels_as_text_keeps_the_kind_of_its_elements() -> None:
    assert _match("ARRAY<JSON>", "jsonb[]").kind is Kind.JSON
    assert _match("ARRAY<BIGNUMERIC>", "numeric[]").kind is Kind.LITERAL


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text", PostgresType(base="text")),
        ("numeric(12,2)[]", PostgresType(base="numeric", modifiers=("12", "2"), array=True)),
        ("numeric(3,-2)", PostgresType(base="numeric", modifiers=("3", "-2"))),
        ("timestamp(3) with time zone", PostgresType(base="timestamp with time zone", modifiers=("3",))),
        ("double precision", PostgresType(base="double precision")),
        ('"char"', PostgresType(base='"char"')),
        ("gis.geometry(Point,4326)", PostgresType(base="geometry", modifiers=("Point", "4326"))),
    ],
)
def test_postgres_types_are_taken_apart(text: str, expected: PostgresType) -> None:
    assert PostgresType.parse(text) == expected


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("order_id", "order_id"),
        ("OrderId", "order_id"),
        ("orderID", "order_id"),
        ("HTTPServer", "http_server"),
        ("ASIN", "asin"),
        ("p50Latency", "p50_latency"),
        ("Click Share %", "click_share__"),
        ("_id", "_id"),
        ("Größe", "größe"),
    ],
)
def test_names_are_folded(source: str, name: str) -> None:
    assert target_name(source) == name


def test_long_names_end_in_a_hash_of_the_whole_name() -> None:
    assert target_name("x" * 63) == "x" * 63
    assert target_name("x" * 64) == "x" * 54 + "_7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c"[:9]
    assert target_name("x" * 64 + "a") != target_name("x" * 64 + "b")


@given(st.text(min_size=1, max_size=300))
def test_every_name_fits_and_stays(source: str) -> None:
    name = target_name(source)
    assert 0 < len(name.encode()) <= MAX_NAME_BYTES
    assert name == target_name(source)
    if name != source and len(source) < 40:
        assert target_name(name) == name
