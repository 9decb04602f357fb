"""Source rows put into the emulator, the queries of the datasets run over them, their results put into Postgres."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pg8000.native
from google.cloud import bigquery

from functions.asin.dataset import ASIN_PERFORMANCE
from functions.search_queries.dataset import SEARCH_QUERY_MARKET, SEARCH_QUERY_PERFORMANCE
from infra.local.sample.reference import Row
from infra.local.sample.report import STAGES
from infra.local.sample.shapes import Shape
from infra.local.sample.tables import append_rows, create_table, table_id
from infra.migrations.run import migrate
from shared.adapters.database_url import connection_arguments
from shared.domain.dataset import MERGED, REPORT, SUPERSEDED, Column, Dataset
from shared.domain.ids import TableName
from shared.planning.quality import read_reports
from shared.planning.scopes import Report
from shared.ports import SourceTable
from shared.refresh.definition_fit import dataset_inputs

DATASETS = {dataset.name: dataset for dataset in (ASIN_PERFORMANCE, SEARCH_QUERY_PERFORMANCE, SEARCH_QUERY_MARKET)}
SUNDAY = date(2025, 1, 5)


def source_row(
    query: str,
    asin: str,
    totals: tuple[int, int, int, int, int],
    own: tuple[int, int, int, int],
    *,
    percent: bool = False,
    **other: Any,
) -> Row:
    """A row of the landing table. `totals`: volume, impressions, clicks, cart adds, purchases; `own`: the same
    without the volume. Shares are reckoned from them, everything else that `other` does not give is NULL."""
    volume, *market = totals
    row: Row = {
        "client_id": "c1",
        "marketplace_id": "US",
        "report_period": "WEEK",
        "start_date": SUNDAY,
        "end_date": None,
        "asin": asin,
        "search_query": query,
        "search_query_volume": volume,
    }
    for stage, total, count in zip(("impression", *STAGES), market, own, strict=True):
        row["total_query_impression_count" if stage == "impression" else f"total_{stage}_count"] = total
        row[f"asin_{stage}_count"] = count
        row[f"asin_{stage}_share"] = count / total * (100 if percent else 1) if total else None
    return row | other


def load(client: bigquery.Client, dataset: str, shape: Shape, rows: Iterable[Row]) -> Shape:
    """Make the shape's table in `dataset` (`project.dataset`) with rows named as in the landing table."""
    project, name = dataset.split(".")
    placed = replace(shape, dataset=name)
    create_table(client, project, placed)
    renamed = []
    for row in rows:
        renamed.append({column.name: row.get(column.field or column.name) for column in shape.columns})
        if shape.columns[0].name == "Date":
            renamed[-1]["Date"] = datetime.fromisoformat(f"{row['start_date']}T00:00:00+00:00")
    append_rows(client, project, placed, renamed)
    return placed


def run_dataset(client: bigquery.Client, project: str, dataset: Dataset, shape: Shape) -> list[Row]:
    """What the dataset's query yields, reserved columns included."""
    return [dict(row) for row in client.query(rendered(project, dataset, shape), job_retry=None).result()]


def rendered(project: str, dataset: Dataset, shape: Shape) -> str:
    """The dataset's query over the shape's table, its fields fed as the engine feeds them."""
    source = SourceTable(
        reference=table_id(project, shape),
        columns=tuple(Column(name=column.name, type=column.type) for column in shape.columns),
        is_table=True,
    )
    fed = dataset_inputs(TableName(schema="sqp", name=dataset.name), dataset, shape.column_map, source)
    inputs = ",\n".join(f"{one.expression} AS {one.name}" for one in fed)
    return (
        f"WITH source AS (SELECT {inputs} FROM `{source.reference}`), refreshed AS (\n{dataset.sql}\n)"
        " SELECT * FROM refreshed"
    )


def reports(dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, ...], Report]:
    """What the query says of each report: client, marketplace, report period. One period at a time."""
    said = [row[REPORT] for row in rows if row[REPORT] is not None]
    found = {report.name: report for report in read_reports(",".join(said), dataset)}
    assert len(found) == len(said)
    return found


def without_reserved(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The rows as the target gets them."""
    return [{name: value for name, value in row.items() if name not in (SUPERSEDED, MERGED, REPORT)} for row in rows]


def _json(value: Any) -> str:
    assert isinstance(value, date | datetime | Decimal)
    return str(value)


@contextmanager
def warehouse_connection(database_url: str) -> Iterator[pg8000.native.Connection]:
    """A connection to an empty database, into which the schema is put."""
    migrate(database_url)
    connection = pg8000.native.Connection(**connection_arguments(database_url))
    try:
        yield connection
    finally:
        connection.close()


def insert(connection: pg8000.native.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put rows into a target; columns that they do not have get their default."""
    plain = without_reserved(rows)
    if not plain:
        return
    columns = ", ".join(plain[0])
    connection.run(
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, :rows)",
        rows=json.dumps(plain, default=_json),
    )


def select(connection: pg8000.native.Connection, statement: str, **parameters: Any) -> list[Row]:
    """The rows of a query, by column name."""
    rows = connection.run(statement, **parameters)
    names = [column["name"] for column in connection.columns or []]
    return [dict(zip(names, row, strict=True)) for row in rows or []]


SUMMARIES = (
    "search_performance_summary",
    "weekly_summary",
    "monthly_summary",
    "quarterly_summary",
    "asin_period_summary",
    "query_class_summary",
    "cannibalisation_summary",
    "brand_period_summary",
)
"""Every materialized view of the warehouse, inputs first."""


def refresh_summaries(connection: pg8000.native.Connection, schema: str = "sqp") -> None:
    """Refresh all summaries as the worker does."""
    for name in SUMMARIES:
        connection.run(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {schema}.{name}")


def by_key(rows: Iterable[Row], *names: str) -> dict[Any, Row]:
    """The rows under the values of `names`, which must be unique."""
    found: dict[Any, Row] = {}
    for row in rows:
        key = tuple(row[name] for name in names) if len(names) > 1 else row[names[0]]
        assert key not in found, f"{key} stands twice"
        found[key] = row
    return found
