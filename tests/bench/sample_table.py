"""The benchmark's table: rows × 25 columns in the shape of search_query_performance, 52 weeks, 500 ASINs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from shared.domain.dataset import Column

WEEKS = 52
FIRST_WEEK = date(2024, 1, 7)
COUNTS = [f"count_{n}" for n in range(12)]
RATES = [f"rate_{n}" for n in range(4)]
PRICES = [f"price_{n}" for n in range(4)]
KEY = ("client", "period_start", "asin", "search_query")
COLUMNS = (
    Column(name="client", type="STRING"),
    Column(name="period_start", type="DATE"),
    Column(name="asin", type="STRING"),
    Column(name="search_query", type="STRING"),
    *(Column(name=name, type="INT64") for name in COUNTS),
    *(Column(name=name, type="FLOAT64") for name in RATES),
    *(Column(name=name, type="NUMERIC") for name in PRICES),
    Column(name="ingested_at", type="TIMESTAMP"),
)
TYPES = {
    "STRING": "text",
    "DATE": "date",
    "INT64": "bigint",
    "FLOAT64": "double precision",
    "NUMERIC": "numeric(38,9)",
}
DDL = ", ".join(f"{column.name} {TYPES.get(column.type, 'timestamptz')}" for column in COLUMNS)


def weeks() -> list[date]:
    """The scope values, in order."""
    return [FIRST_WEEK + timedelta(weeks=n) for n in range(WEEKS)]


def week_batch(number: int, rows: int, *, changed_every: int = 0) -> pa.RecordBatch:
    """The rows of one week, columns c0 … c24, in no order; every `changed_every`-th differs from the first version."""
    random = np.random.default_rng(number)
    asins = random.integers(0, 500, rows)
    queries = random.permutation(rows)
    counts = [random.integers(0, 100_000, rows) for _ in COUNTS]
    if changed_every:
        counts[0][::changed_every] += 1
    prices = [pa.array(random.integers(0, 10**6, rows)).cast(pa.decimal128(20, 0)) for _ in PRICES]
    arrays = [
        pa.array(["client one"] * rows),
        pa.array([FIRST_WEEK + timedelta(weeks=number)] * rows, pa.date32()),
        pa.array([f"B0{asin:08d}" for asin in asins]),
        pa.array([f"search query number {query % 40_000} with words {query}" for query in queries]),
        *(pa.array(values) for values in counts),
        *(pa.array(random.random(rows)) for _ in RATES),
        *(price.cast(pa.decimal128(38, 9)) for price in prices),
        pa.array([1_735_689_600_000_000] * rows, pa.timestamp("us", tz="UTC")),
    ]
    return pa.record_batch(arrays, names=[f"c{n}" for n in range(len(COLUMNS))])


def all_weeks(rows: int) -> Iterator[tuple[date, pa.RecordBatch]]:
    """Every week with its share of the rows."""
    for number, week in enumerate(weeks()):
        yield week, week_batch(number, rows // WEEKS)
