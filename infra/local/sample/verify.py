"""Target = source, by another way than the engine does it: raw rows, the rules in Python, the target as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient

from infra.local.sample.products import products_id
from infra.local.sample.reference import TARGETS, Row, canonical
from infra.local.sample.reference_summaries import summaries
from infra.local.sample.shapes import EXPORT, LANDING, Shape
from infra.local.sample.tables import table_id
from infra.local.sample.targets import EXPORT_SCHEMA, brand_of_asin

_NULL = "\u2205"
_PRODUCT_COLUMNS = (
    "sku",
    "name",
    "category",
    "price",
    "cost_exact",
    "stock",
    "active",
    "launched_on",
    "photo_hash",
    "tags",
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One target against what its source says it must contain."""

    table: str
    rows: int
    """Rows that the source calls for."""
    missing: int
    """Of these, how many the target does not have, or has otherwise."""
    unexpected: int
    """Rows of the target that the source does not call for."""

    @property
    def equal(self) -> bool:
        """Whether target = source."""
        return not self.missing and not self.unexpected


def raw_rows(client: bigquery.Client, storage: BigQueryReadClient, table: str, snapshot_at: datetime) -> Iterator[Row]:
    """The rows of a source table as of the snapshot."""
    parameter = bigquery.ScalarQueryParameter("snapshot_at", "TIMESTAMP", snapshot_at)
    job = client.query(
        f"SELECT * FROM `{table}` FOR SYSTEM_TIME AS OF @snapshot_at",
        job_config=bigquery.QueryJobConfig(query_parameters=[parameter]),
    )
    for batch in job.result().to_arrow_iterable(bqstorage_client=storage):
        yield from batch.to_pylist()


def value_text(value: Any) -> str:
    """A value as `target_text` has Postgres write it."""
    match value:
        case None:
            return _NULL
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value.normalize(), "f") if value else "0"
        case bytes():
            return value.hex()
        case list():
            return ",".join(value_text(item) for item in value)
        case date():
            return value.isoformat()
    return str(value)


def row_text(row: Row, columns: tuple[str, ...]) -> str:
    """The row in one line."""
    return "|".join(value_text(row[name]) for name in columns)


def _column_text(name: str, kind: str) -> str:
    forms = {"numeric": "trim_scale({})::text", "bytea": "encode({}, 'hex')", "array": "array_to_string({}, ',')"}
    return f"coalesce({forms.get(kind, '{}::text').format(name)}, '{_NULL}')"


def target_text(connection: Any, schema: str, table: str, columns: tuple[str, ...]) -> Counter[str]:
    """The rows of a target, in one line each; `connection` is a pg8000.native connection."""
    kinds = dict(
        connection.run(
            "SELECT attname, CASE WHEN typcategory = 'A' THEN 'array' ELSE typname END FROM pg_attribute"
            " JOIN pg_type ON pg_type.oid = atttypid WHERE attrelid = CAST(:name AS regclass) AND attnum > 0",
            name=f"{schema}.{table}",
        )
    )
    texts = " || '|' || ".join(_column_text(name, kinds[name]) for name in columns)
    return Counter(line for (line,) in connection.run(f"SELECT {texts} FROM {schema}.{table}"))


def _compare(connection: Any, schema: str, table: str, rows: list[Row]) -> Comparison:
    columns = tuple(rows[0]) if rows else ("client_id",)
    expected = Counter(row_text(row, columns) for row in rows)
    found = target_text(connection, schema, table, columns)
    return Comparison(
        table=f"{schema}.{table}",
        rows=len(rows),
        missing=(expected - found).total(),
        unexpected=(found - expected).total(),
    )


def verify_warehouse(
    client: bigquery.Client,
    storage: BigQueryReadClient,
    connection: Any,
    *,
    schema: str,
    project: str,
    shape: Shape,
    snapshot_at: datetime,
) -> list[Comparison]:
    """Compare the tables and the summaries' counts of one of the sample's warehouses with their source."""
    source = raw_rows(client, storage, table_id(project, shape), snapshot_at)
    rows = [canonical(raw, shape.column_map) for raw in source]
    expected = {table: reckon(rows) for table, reckon in TARGETS.items()}
    performance, market = expected["search_query_performance"], expected["search_query_market"]
    brands = brand_of_asin(by_name=shape is EXPORT)
    expected |= summaries(performance, market, brands)
    return [_compare(connection, schema, table, contents) for table, contents in expected.items()]


def verify_sample(
    client: bigquery.Client, storage: BigQueryReadClient, connection: Any, *, project: str, snapshot_at: datetime
) -> list[Comparison]:
    """Compare every table of the sample with its source at the snapshot; `connection`: pg8000.native."""
    comparisons = []
    for schema, shape in (("sqp", LANDING), (EXPORT_SCHEMA, EXPORT)):
        comparisons += verify_warehouse(
            client, storage, connection, schema=schema, project=project, shape=shape, snapshot_at=snapshot_at
        )
    products = [
        {name: row[name] for name in _PRODUCT_COLUMNS}
        for row in raw_rows(client, storage, products_id(project), snapshot_at)
    ]
    comparisons.append(_compare(connection, "sample", "products", products))
    return comparisons
