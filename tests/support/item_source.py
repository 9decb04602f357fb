"""A source of a few items in memory, which remembers what it was: the whole path runs on it, in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from shared.domain.definition import Definition
from shared.planning.source_query import FINGERPRINT, READ, ROWS, SCOPE, SOURCE_ROWS
from shared.ports import JobResult, QueryJob, ReadSession, Row, SourceTable
from shared.refresh.transform import Transform
from tests.bench.memory_source import number
from tests.support.staged import ITEM_COLUMNS, Item

Version = frozenset[Item]


def fingerprint(items: Version, part: str) -> str | None:
    """By which the plan knows the content of a part; None for one that is not there."""
    content = sorted(one for one in items if one[1] == part)
    return repr(content) if content else None


class ItemSource:
    """A `Source` of one table of items (id, part, text), scoped by part; every change is a version of it."""

    def __init__(self) -> None:
        self.definition: Definition | None = None
        """Has to be known before the first run: figures are those of its columns."""
        self._moment = datetime(2025, 1, 1, tzinfo=UTC)
        self._versions: list[tuple[datetime, Version]] = [(self._moment, frozenset())]
        self._jobs: dict[str, QueryJob] = {}

    def change(self, items: Version) -> None:
        """From now on the source has these items."""
        self._versions.append((self.now(), items))

    def as_of(self, moment: datetime) -> Version:
        """What the source had then."""
        return next(items for since, items in reversed(self._versions) if since <= moment)

    def now(self) -> datetime:
        self._moment += timedelta(seconds=1)
        return self._moment

    def describe(self, reference: str) -> SourceTable:
        return SourceTable(reference=reference, columns=ITEM_COLUMNS, is_table=True)

    def describe_query(self, reference: str, sql: str) -> SourceTable:
        raise NotImplementedError("no named SQL here")

    def estimate(self, job: QueryJob) -> int | None:
        return None

    def run(self, job: QueryJob, *, timeout: float) -> JobResult:
        self._jobs[job.job_id] = job
        return JobResult(job_id=job.job_id, project="p", location="", table=f"p.d.{job.job_id}", bytes_billed=0)

    def fetch(self, result: JobResult) -> list[Row]:
        """The plan's answer: rows, fingerprint and figures of each part."""
        items = self._items(result.job_id)
        return [self._scope(part, items) | {SOURCE_ROWS: len(items)} for part in sorted({part for _, part, _ in items})]

    def open_session(self, result: JobResult, *, max_streams: int) -> ReadSession:
        return ReadSession(name=result.job_id, streams=(result.job_id,))

    def read(self, stream: str, *, offset: int) -> Iterator[pa.RecordBatch]:
        scopes = self._parameter(stream, "scopes")
        items = sorted(self._items(stream))
        yield _batch([one for one in items if scopes is None or one[1] in scopes]).slice(offset)

    def _items(self, job_id: str) -> Version:
        return self.as_of(self._parameter(job_id, "snapshot_at"))

    def _parameter(self, job_id: str, name: str) -> Any:
        return next((one.value for one in self._jobs[job_id].parameters if one.name == name), None)

    def _scope(self, part: str, items: Version) -> Row:
        assert self.definition is not None
        content = sorted(one for one in items if one[1] == part)
        figures = Transform(self.definition.columns).apply(_batch(content)).figures
        row: Row = {SCOPE: part, ROWS: len(content), READ: len(content), FINGERPRINT: fingerprint(items, part)}
        for i, column in enumerate(self.definition.columns):
            row |= {f"c{i}_{name}": number(value) for name, value in figures[column.name].items()}
        return row


def _batch(items: Sequence[Item]) -> pa.RecordBatch:
    ids, parts, texts = ([one[n] for one in items] for n in range(3))
    return pa.record_batch(
        [pa.array(ids, pa.int64()), pa.array(parts, pa.string()), pa.array(texts, pa.string())],
        names=["c0", "c1", "c2"],
    )
