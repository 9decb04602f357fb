"""Source tables in BigQuery: made to a shape, filled by Parquet load jobs (the quickest way on emulator and cloud)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import batched

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from infra.local.sample.report import Row
from infra.local.sample.shapes import LANDING, Shape

_BATCH = 20_000
_ARROW = {
    "STRING": pa.string(),
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "NUMERIC": pa.decimal128(38, 9),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
}


def table_id(project: str, shape: Shape) -> str:
    """`project.dataset.table` of a shape's source table."""
    return f"{project}.{shape.dataset}.{shape.table}"


def create_table(client: bigquery.Client, project: str, shape: Shape) -> None:
    """Make the shape's dataset and its empty table; one that is there already is dropped."""
    client.create_dataset(f"{project}.{shape.dataset}", exists_ok=True)
    table = bigquery.Table(
        table_id(project, shape), schema=[bigquery.SchemaField(column.name, column.type) for column in shape.columns]
    )
    if shape is LANDING:
        table.time_partitioning = bigquery.TimePartitioning(field="start_date")
        table.clustering_fields = ["client_id", "marketplace_id", "report_period", "asin"]
    client.delete_table(table, not_found_ok=True)
    client.create_table(table)


def _arrow_schema(shape: Shape) -> pa.Schema:
    return pa.schema([pa.field(column.name, _ARROW[column.type]) for column in shape.columns])


def _batches(shape: Shape, rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    schema = _arrow_schema(shape)
    for chunk in batched(rows, _BATCH, strict=False):
        arrays = []
        for column, kind in zip(shape.columns, schema.types, strict=True):
            values = [row[column.name] for row in chunk]
            if pa.types.is_decimal(kind):
                arrays.append(pa.array(values, pa.float64()).cast(pa.decimal128(38, 9)))
            else:
                arrays.append(pa.array(values, kind))
        yield pa.record_batch(arrays, schema=schema)


def append_rows(client: bigquery.Client, project: str, shape: Shape, rows: Iterable[Row]) -> int:
    """Append `rows`, keyed by source column, by one load job; returns how many there were."""
    buffer, count = io.BytesIO(), 0
    with pq.ParquetWriter(buffer, _arrow_schema(shape), compression="snappy") as writer:
        for batch in _batches(shape, rows):
            writer.write_batch(batch)
            count += batch.num_rows
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET, write_disposition=bigquery.WriteDisposition.WRITE_APPEND
    )
    client.load_table_from_file(buffer, table_id(project, shape), rewind=True, job_config=config).result()
    return count
