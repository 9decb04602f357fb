"""A `Source` that holds its table as Arrow in memory: what is measured is the path behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from shared.domain.definition import Definition
from shared.planning.source_query import FINGERPRINT, READ, ROWS, SCOPE, SOURCE_ROWS
from shared.ports import JobResult, QueryJob, ReadSession, Row, SourceTable
from shared.refresh.transform import Transform
from tests.bench.sample_table import COLUMNS

Batches = Callable[[date], pa.RecordBatch]


class MemorySource:
    """Weeks of rows. `versions` says which version of each week there is now; a new version is a new fingerprint."""

    def __init__(self, batches: Batches, weeks: list[date]) -> None:
        self.batches = batches
        self.versions = dict.fromkeys(weeks, 1)
        self.rows_read = 0
        self._plan: dict[date, tuple[int, Row]] = {}
        self._moment = datetime(2025, 1, 1, tzinfo=UTC)
        self._slices: dict[str, list[date]] = {}

    def measure(self, definition: Definition) -> None:
        """Compute, outside the measured time, what BigQuery's aggregate query would answer."""
        transform = Transform(definition.columns)
        for week, version in self.versions.items():
            if self._plan.get(week, (0, {}))[0] == version:
                continue
            part = transform.apply(self.batches(week))
            row: Row = {SCOPE: week.isoformat(), ROWS: part.received, READ: part.received, FINGERPRINT: f"v{version}"}
            for i, column in enumerate(definition.columns):
                row |= {f"c{i}_{name}": number(value) for name, value in part.figures[column.name].items()}
            self._plan[week] = (version, row)

    def now(self) -> datetime:
        self._moment += timedelta(seconds=1)
        return self._moment

    def describe(self, reference: str) -> SourceTable:
        return SourceTable(reference=reference, columns=COLUMNS, is_table=True)

    def describe_query(self, reference: str, sql: str) -> SourceTable:
        raise NotImplementedError("the benchmark has no named SQL")

    def run(self, job: QueryJob, *, timeout: float) -> JobResult:
        scopes: list[str] = next((one.value for one in job.parameters if one.name == "scopes"), [])
        self._slices[job.job_id] = [date.fromisoformat(value) for value in scopes]
        return JobResult(job_id=job.job_id, project="p", location="", table=f"p.d.{job.job_id}", bytes_billed=0)

    def estimate(self, job: QueryJob) -> int | None:
        return None

    def fetch(self, result: JobResult) -> list[Row]:
        total = sum(row[ROWS] for _, row in self._plan.values())
        return [row | {SOURCE_ROWS: total} for _, row in self._plan.values()]

    def open_session(self, result: JobResult, *, max_streams: int) -> ReadSession:
        weeks = self._slices[result.job_id]
        return ReadSession(name=result.job_id, streams=(",".join(week.isoformat() for week in weeks),))

    def read(self, stream: str, *, offset: int) -> Iterator[pa.RecordBatch]:
        for week in stream.split(","):
            batch = self.batches(date.fromisoformat(week))
            self.rows_read += batch.num_rows
            yield batch


def number(value: object) -> object:
    """A figure as BigQuery's client would give it."""
    if isinstance(value, str):
        return float(value)
    return value
