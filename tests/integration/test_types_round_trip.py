"""Every type of the matrix at its extremes: from BigQuery's SQL, by its Storage API and binary COPY, into Postgres."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pytest

from shared.adapters.bigquery import BigQuerySource
from shared.adapters.postgres import PostgresStore
from shared.domain.dataset import Column
from shared.domain.figures import Figures, combine, differences, figure_value
from shared.domain.types import TargetColumn, WireColumn, match_column
from shared.ports import JobResult, QueryJob
from shared.refresh.encode import CopyEncoder
from shared.refresh.staging import SLICE
from shared.refresh.transform import Transform, Transformed
from tests.conftest import BigQueryEnv


@dataclass(frozen=True, kw_only=True)
class Case:
    """Pairs of a BigQuery expression and the Postgres expression that it must become."""

    source: str
    target: str
    values: tuple[tuple[str, str], ...]
    null: str = "NULL"
    stored: bool = True
    """False: computed in the query that is read, not in a table."""

    @property
    def id(self) -> str:
        return f"{'' if self.stored else 'computed '}{self.source} to {self.target}"


_DIGITS = "9" * 29 + "." + "9" * 9
_BIG = "9" * 20 + "." + "9" * 18
_TEXTS = (
    ("''", "''"),
    ("'plain'", "'plain'"),
    ("'  blanks  '", "'  blanks  '"),
    ("'ünïcode ß 漢字 العربية'", "'ünïcode ß 漢字 العربية'"),
    ("'😀👩‍👩‍👧 \U0010ffff'", "'😀👩‍👩‍👧 \U0010ffff'"),
    (r"'tab\tnewline\nquote\'backslash\\'", r"E'tab\tnewline\nquote''backslash\\'"),
    (r"'\\N'", r"E'\\N'"),
    ("CODE_POINTS_TO_STRING([97, 0, 98, 0])", "'ab'"),
    ("CODE_POINTS_TO_STRING([0])", "''"),
    ("REPEAT('x', 100000)", "repeat('x', 100000)"),
)
_INTS = tuple(
    (str(i), f"'{i}'") for i in (0, 1, -1, 9223372036854775807, -9223372036854775808, 4294967296, -4294967297)
)
_NUMERICS = tuple(
    (f"NUMERIC '{text}'", f"'{text}'")
    for text in ("0", "1.5", "-1.5", "0.000000001", "-0.000000001", _DIGITS, f"-{_DIGITS}", "10000", "-1e28", "0.1")
)
_JSONS = (
    ("JSON 'null'", "'null'"),
    ("JSON '\"\"'", "'\"\"'"),
    ("JSON '[]'", "'[]'"),
    (
        """JSON '{"a": [1, 2.5, {"b": null, "c": true}], "ü": "😀"}'""",
        """'{"a":[1,2.5,{"b":null,"c":true}],"ü":"😀"}'""",
    ),
    ("JSON '9223372036854775807'", "'9223372036854775807'"),
    (r"""PARSE_JSON(r'{"quote": "\" \\ \n \u00e9 \ud83d\ude00"}')""", r"""'{"quote":"\" \\ \n é 😀"}'"""),
)
_DATES = tuple(
    (f"DATE '{d}'", f"'{d}'") for d in ("0001-01-01", "1582-10-15", "1970-01-01", "2024-02-29", "9999-12-31")
)
_TIMES = tuple((f"TIME '{t}'", f"'{t}'") for t in ("00:00:00", "23:59:59.999999", "12:34:56.000001"))
_MOMENTS = (
    "0001-01-01 00:00:00",
    "1969-12-31 23:59:59.999999",
    "1970-01-01 00:00:00",
    "2000-01-01 00:00:00.000001",
    "2024-02-29 12:34:56.789012",
    "9999-12-31 23:59:59.999999",
)
_FLOATS = (
    ("0.0", "'0'"),
    ("CAST('-0' AS FLOAT64)", "'-0'"),
    ("0.1", "'0.1'"),
    ("CAST('nan' AS FLOAT64)", "'NaN'"),
    ("CAST('inf' AS FLOAT64)", "'Infinity'"),
    ("CAST('-inf' AS FLOAT64)", "'-Infinity'"),
    ("5e-324", "'5e-324'"),
    ("-2.2250738585072011e-308", "'-2.2250738585072011e-308'"),
    ("1.7976931348623157e308", "'1.7976931348623157e308'"),
    ("-1.7976931348623157e308", "'-1.7976931348623157e308'"),
    ("9007199254740993.0", "'9007199254740992'"),
)
_EVERY_BYTE = "".join(f"{i:02x}" for i in range(256))
_BYTES = (("b''", r"'\x'"), (f"FROM_HEX('{_EVERY_BYTE}')", rf"'\x{_EVERY_BYTE}'"), (r"b'\x00'", r"'\x00'"))
_INTERVALS = (
    ("MAKE_INTERVAL(1, 2, 3, 4, 5, 6)", "'1 year 2 months 3 days 04:05:06'"),
    ("INTERVAL 250 MILLISECOND", "'00:00:00.25'"),
    ("INTERVAL 0 DAY", "'0'"),
    ("INTERVAL 30 DAY", "'30 days'"),
    ("INTERVAL 1 MONTH", "'1 month'"),
    ("INTERVAL 10000 YEAR", "'10000 years'"),
    ("INTERVAL 1000 HOUR", "'1000 hours'"),
)
_COMPUTED_INTERVALS = (
    ("INTERVAL '-1-2 3 -4:5:6.5' YEAR TO SECOND", "'-1 year -2 months 3 days -04:05:06.5'"),
    ("INTERVAL '0-0 -3 4:0:0' YEAR TO SECOND", "'-3 days 04:00:00'"),
    ("INTERVAL '0-0 0 -0:0:0.5' YEAR TO SECOND", "'-00:00:00.5'"),
    ("INTERVAL '-0-2 0 0:0:0' YEAR TO SECOND", "'-2 months'"),
    ("INTERVAL 1 MICROSECOND", "'00:00:00.000001'"),
    ("INTERVAL -789012 MICROSECOND", "'-00:00:00.789012'"),
    ("INTERVAL 87839999 HOUR", "'87839999 hours'"),
)
"""The emulator computes these, but its tables hold no negative, very long or sub-millisecond intervals."""

CASES = (
    Case(source="STRING", target="text", values=_TEXTS),
    Case(source="STRING", target="character varying", values=_TEXTS),
    Case(source="STRING", target="character varying(100000)", values=_TEXTS),
    Case(source="STRING", target="character(5)", values=(("''", "''"), ("'ab'", "'ab'"), ("'äöü😀x'", "'äöü😀x'"))),
    Case(source="STRING", target="citext", values=_TEXTS),
    Case(source="INT64", target="bigint", values=_INTS),
    Case(source="INT64", target="numeric", values=_INTS),
    Case(source="INT64", target="numeric(19,0)", values=_INTS),
    Case(source="INT64", target="integer", values=(("2147483647", "2147483647"), ("-2147483648", "'-2147483648'"))),
    Case(source="INT64", target="smallint", values=(("32767", "32767"), ("-32768", "'-32768'"))),
    Case(source="FLOAT64", target="double precision", values=_FLOATS),
    Case(source="BOOL", target="boolean", values=(("TRUE", "true"), ("FALSE", "false"))),
    Case(source="NUMERIC", target="numeric", values=_NUMERICS),
    Case(source="NUMERIC", target="numeric(38,9)", values=_NUMERICS),
    Case(
        source="NUMERIC",
        target="numeric(12,2)",
        values=(("NUMERIC '9999999999.99'", "'9999999999.99'"), ("-0.01", "-0.01")),
    ),
    Case(
        source="BIGNUMERIC",
        target="numeric",
        values=(
            ("BIGNUMERIC '0'", "'0'"),
            ("BIGNUMERIC '1.5'", "'1.5'"),
            (f"BIGNUMERIC '{_BIG}'", f"'{_BIG}'"),
            (f"BIGNUMERIC '-{_BIG}'", f"'-{_BIG}'"),
            ("BIGNUMERIC '0.000000000000000001'", "'0.000000000000000001'"),
        ),
    ),
    Case(source="BIGNUMERIC", target="numeric(6,3)", values=(("BIGNUMERIC '-999.999'", "'-999.999'"),)),
    Case(source="BYTES", target="bytea", values=_BYTES),
    Case(source="DATE", target="date", values=_DATES),
    Case(source="TIME", target="time without time zone", values=_TIMES),
    Case(
        source="DATETIME",
        target="timestamp without time zone",
        values=tuple((f"DATETIME '{moment}'", f"'{moment}'") for moment in _MOMENTS),
    ),
    Case(
        source="TIMESTAMP",
        target="timestamp with time zone",
        values=tuple((f"TIMESTAMP '{moment}+00'", f"'{moment}+00'") for moment in _MOMENTS),
    ),
    Case(source="JSON", target="jsonb", values=_JSONS),
    Case(
        source="JSON",
        target="jsonb",
        values=((r"""PARSE_JSON(r'{"a\u0000": ["\u0000x\\u0000", "\\\u0000"]}')""", r"""'{"a":["x\\u0000","\\"]}'"""),),
    ),
    Case(source="JSON", target="json", values=_JSONS),
    Case(source="JSON", target="text", values=_JSONS),
    Case(
        source="STRUCT<a INT64, b ARRAY<STRING>, c STRUCT<d DATE>, e FLOAT64>",
        target="jsonb",
        values=(
            (
                "(9007199254740993, ['x', 'NaN', 'ü\"😀'], STRUCT(DATE '0001-01-01'), 1.5)",
                """'{"a":9007199254740993,"b":["x","NaN","ü\\"😀"],"c":{"d":"0001-01-01"},"e":1.5}'""",
            ),
            ("(NULL, [], NULL, CAST('nan' AS FLOAT64))", """'{"a":null,"b":[],"c":null,"e":"NaN"}'"""),
            (
                "(1, [CODE_POINTS_TO_STRING([97, 0, 98])], NULL, CAST('-inf' AS FLOAT64))",
                """'{"a":1,"b":["ab"],"c":null,"e":"-Infinity"}'""",
            ),
        ),
    ),
    Case(
        source="ARRAY<STRUCT<a INT64, b STRING>>",
        target="jsonb",
        values=(("[]", "'[]'"), ("[(1, 'x'), (NULL, NULL)]", """'[{"a":1,"b":"x"},{"a":null,"b":null}]'""")),
        null="'[]'",
    ),
    Case(source="GEOGRAPHY", target="text", values=(("ST_GEOGPOINT(1.5, -2.25)", "'POINT(1.5 -2.25)'"),)),
    Case(source="INTERVAL", target="interval", values=_INTERVALS),
    Case(source="INTERVAL", target="interval", values=_COMPUTED_INTERVALS, stored=False),
    Case(source="INTERVAL", target="interval(6)", values=_INTERVALS),
    Case(
        source="RANGE<DATE>",
        target="daterange",
        values=(
            ("RANGE(DATE '0001-01-01', DATE '9999-12-31')", "'[0001-01-01,9999-12-31)'"),
            ("RANGE(NULL, DATE '2020-01-01')", "'[,2020-01-01)'"),
            ("RANGE(DATE '2020-01-01', NULL)", "'[2020-01-01,)'"),
            ("RANGE(CAST(NULL AS DATE), NULL)", "'(,)'"),
        ),
    ),
    Case(
        source="RANGE<DATETIME>",
        target="tsrange",
        values=(
            (
                "RANGE(DATETIME '0001-01-01 00:00:00', DATETIME '9999-12-31 23:59:59.999999')",
                "'[0001-01-01 00:00:00,9999-12-31 23:59:59.999999)'",
            ),
        ),
    ),
    Case(
        source="RANGE<TIMESTAMP>",
        target="tstzrange",
        values=(
            ("RANGE(TIMESTAMP '2020-01-01 00:00:00.000001+00', NULL)", "'[2020-01-01 00:00:00.000001+00,)'"),
            ("RANGE(CAST(NULL AS TIMESTAMP), NULL)", "'(,)'"),
        ),
    ),
    *(
        Case(
            source=f"ARRAY<{source}>",
            target=f"{target}[]",
            values=(
                ("[]", "'{}'"),
                (f"[{', '.join(theirs for theirs, _ in values)}]", f"ARRAY[{', '.join(ours for _, ours in values)}]"),
            ),
            null="'{}'",
        )
        for source, target, values in (
            ("STRING", "text", _TEXTS),
            ("STRING", "character varying(100000)", _TEXTS),
            ("INT64", "bigint", _INTS),
            ("INT64", "integer", (("1", "1"), ("-2147483648", "'-2147483648'"))),
            ("FLOAT64", "double precision", _FLOATS),
            ("BOOL", "boolean", (("TRUE", "true"), ("FALSE", "false"))),
            ("NUMERIC", "numeric", _NUMERICS),
            ("BIGNUMERIC", "numeric", ((f"BIGNUMERIC '{_BIG}'", f"'{_BIG}'"), ("BIGNUMERIC '-1.5'", "'-1.5'"))),
            ("BYTES", "bytea", _BYTES),
            ("DATE", "date", _DATES),
            ("TIME", "time without time zone", _TIMES),
            ("DATETIME", "timestamp without time zone", tuple((f"DATETIME '{m}'", f"'{m}'") for m in _MOMENTS)),
            ("TIMESTAMP", "timestamp with time zone", tuple((f"TIMESTAMP '{m}+00'", f"'{m}+00'") for m in _MOMENTS)),
            ("JSON", "jsonb", _JSONS),
            ("GEOGRAPHY", "text", (("ST_GEOGPOINT(1.5, -2.25)", "'POINT(1.5 -2.25)'"),)),
            ("INTERVAL", "interval", _INTERVALS),
        )
    ),
    Case(source="ARRAY<INT64>", target="jsonb", values=(("[1, 2]", "'[1, 2]'"),), null="'[]'"),
)


@pytest.fixture(scope="module")
def source(bigquery_env: BigQueryEnv) -> BigQuerySource:
    return BigQuerySource(
        project=bigquery_env.project, emulator=bigquery_env.rest_url, storage_emulator=bigquery_env.grpc_address
    )


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    opened = PostgresStore(postgres_url)
    yield opened
    opened.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_round_trip(
    case: Case, source: BigQuerySource, store: PostgresStore, bigquery_env: BigQueryEnv, bigquery_dataset: str
) -> None:
    relation = _relation(case, bigquery_env, bigquery_dataset)
    columns = (_column("id", "INT64", "bigint"), _column("cell", case.source, case.target))

    transformed = _read(source, f"SELECT {_wires(columns)} FROM {relation}", columns)

    assert not [rejected for part in transformed for rejected in part.rejected]
    assert differences(_figures(source, relation, columns), _combined(transformed)) == []
    _publish(store, columns, [part.batch for part in transformed])
    assert _wrong(store, case) == []


def _relation(case: Case, bigquery_env: BigQueryEnv, dataset: str) -> str:
    """What holds the case's values and a NULL, numbered."""
    values = [theirs for theirs, _ in case.values] + ["NULL"]
    if not case.stored:
        return f"({' UNION ALL '.join(f'SELECT {i} AS id, {value} AS cell' for i, value in enumerate(values))})"
    table = f"`{dataset}.cells`"
    rows = ", ".join(f"({i}, {value})" for i, value in enumerate(values))
    for sql in (f"CREATE TABLE {table} (id INT64, cell {case.source})", f"INSERT INTO {table} VALUES {rows}"):
        bigquery_env.client.query(sql, job_retry=None).result()
    return table


def _column(name: str, source_type: str, target_type: str) -> WireColumn:
    target = TargetColumn(name=name, type=target_type, not_null=False, has_default=False)
    source = Column(name=name, type=source_type)
    return match_column(table="public.cells", source=source, target=target)


def _wires(columns: tuple[WireColumn, ...]) -> str:
    return ", ".join(f"{column.wire_expression(f'`{column.name}`')} AS c{i}" for i, column in enumerate(columns))


def _run(source: BigQuerySource, sql: str) -> JobResult:
    return source.run(QueryJob(job_id=f"types_{uuid.uuid4().hex}", sql=sql), timeout=60)


def _read(source: BigQuerySource, sql: str, columns: tuple[WireColumn, ...]) -> list[Transformed]:
    session = source.open_session(_run(source, sql), max_streams=1)
    transform = Transform(columns)
    return [transform.apply(batch) for stream in session.streams for batch in source.read(stream, offset=0)]


def _figures(source: BigQuerySource, relation: str, columns: tuple[WireColumn, ...]) -> Figures:
    expressions = {
        (column.name, name): f"{expression} AS c{i}_{name}"
        for i, column in enumerate(columns)
        for name, expression in column.figure_expressions(f"c{i}").items()
    }
    sql = f"SELECT {', '.join(expressions.values())} FROM (SELECT {_wires(columns)} FROM {relation})"
    (row,) = source.fetch(_run(source, sql))
    figures: Figures = {column.name: {} for column in columns}
    for (column, name), value in zip(expressions, row.values(), strict=True):
        figures[column][name] = figure_value(value)
    return figures


def _combined(transformed: list[Transformed]) -> Figures:
    figures: Figures = {}
    for part in transformed:
        figures = combine(figures, part.figures)
    return figures


def _publish(store: PostgresStore, columns: tuple[WireColumn, ...], batches: list[pa.RecordBatch]) -> None:
    staging = ", ".join(f"{column.name} {column.staging_type}" for column in columns)
    target = ", ".join(f"{column.name} {column.target_type}" for column in columns)
    with store.transaction() as session:
        session.run("CREATE EXTENSION IF NOT EXISTS citext")
        session.run(f"CREATE UNLOGGED TABLE staged ({staging}, {SLICE} integer)")
        session.run(f"CREATE TABLE cells ({target})")
        session.copy_in(
            "COPY staged FROM STDIN (FORMAT binary)", CopyEncoder(columns).chunks(iter(batches), slice_no=7)
        )
        published = ", ".join(column.published(f"s.{column.name}") for column in columns)
        session.run(f"INSERT INTO cells SELECT {published} FROM staged s WHERE {SLICE} = 7")


def _wrong(store: PostgresStore, case: Case) -> list[dict[str, object]]:
    """Rows whose cell does not read as expected; numeric by value, as its number of zeros at the end is not fixed."""
    form = (
        "trim_scale({})::text" if case.target.startswith("numeric") and not case.target.endswith("[]") else "{}::text"
    )
    if case.target == "numeric[]":
        form = "ARRAY(SELECT trim_scale(e) FROM unnest({}) e)::text"
    expected = ", ".join(
        f"({i}, ({ours})::{case.target})" for i, (_, ours) in enumerate((*case.values, ("NULL", case.null)))
    )
    with store.transaction() as session:
        return session.run(
            f"WITH expected (id, cell) AS (VALUES {expected}) "
            "SELECT e.id, left(e.cell::text, 200) AS expected, left(t.cell::text, 200) AS found "
            "FROM expected e FULL JOIN cells t ON t.id = e.id "
            f"WHERE t.id IS NULL OR e.id IS NULL OR {form.format('t.cell')} IS DISTINCT FROM {form.format('e.cell')}"
        )
