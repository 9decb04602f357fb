"""Extraction: a slice's query job, re-attached by its id, and its result as chunks of Arrow batches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from shared.domain.definition import Definition
from shared.ports import JobResult, ReadSession
from shared.refresh.claim import SliceClaim
from shared.refresh.fence import fenced
from shared.refresh.jobs import run_job, slice_job
from shared.refresh.runtime import Budget, Runtime
from shared.sql import statement

STREAM_ROWS = 100_000
"""Rows a read stream should have, so that none holds more than a worker's memory."""
MAX_STREAMS = 1000


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Batches that are staged together, and where their stream stands after them."""

    stream: str
    offset: int
    batches: tuple[pa.RecordBatch, ...]


def slice_result(
    runtime: Runtime,
    claim: SliceClaim,
    definition: Definition,
    *,
    relation: str,
    snapshot_at: datetime | None,
    budget: Budget,
) -> JobResult:
    """Run the slice's query, or re-attach to it. ResultLost when this generation's result cannot be had any more."""
    checkpoint = claim.checkpoint
    job = slice_job(
        claim.task,
        definition,
        number=claim.slice_no,
        generation=checkpoint["generation"],
        scopes=tuple(checkpoint["scope_values"]),
        relation=relation,
        snapshot_at=snapshot_at,
    )
    return run_job(runtime, claim.task, definition, job, budget)


def stream_offsets(runtime: Runtime, claim: SliceClaim, result: JobResult) -> dict[str, int]:
    """The streams of the slice's read session and their committed offsets; a new session is opened and noted when
    needed."""
    checkpoint = claim.checkpoint
    if checkpoint["read_session"]:
        return dict(checkpoint["stream_offsets"])
    session = slice_streams(runtime, result, checkpoint["rows_expected"])
    offsets = dict.fromkeys(session.streams, 0)
    with fenced(runtime, claim) as transaction:
        transaction.run(
            statement("open_read_session"),
            **claim.parameters,
            job_id=result.job_id,
            project=result.project,
            location=result.location,
            bytes_billed=result.bytes_billed,
            session=session.name,
            offsets=offsets_json(offsets),
        )
    return offsets


def slice_streams(runtime: Runtime, result: JobResult, rows: int) -> ReadSession:
    """A new read session over the result, with streams of bounded size."""
    streams = max(1, min(MAX_STREAMS, -(-rows // STREAM_ROWS)))
    return runtime.source.open_session(result, max_streams=streams)


def chunks(runtime: Runtime, offsets: dict[str, int]) -> Iterator[Chunk]:
    """The rest of every stream, in chunks of bounded size."""
    for stream, offset in offsets.items():
        batches: list[pa.RecordBatch] = []
        for batch in _parts(runtime.source.read(stream, offset=offset), runtime.limits.chunk_rows):
            batches.append(batch)
            offset += batch.num_rows
            if _full(runtime, batches):
                yield Chunk(stream=stream, offset=offset, batches=tuple(batches))
                batches = []
        if batches:
            yield Chunk(stream=stream, offset=offset, batches=tuple(batches))


def _parts(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The batches, cut where one has more rows than a chunk may have."""
    for batch in batches:
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def offsets_json(offsets: dict[str, int]) -> str:
    """Stream offsets as the checkpoint keeps them."""
    return json.dumps(offsets)


def _full(runtime: Runtime, batches: list[pa.RecordBatch]) -> bool:
    rows: int = sum(batch.num_rows for batch in batches)
    size: int = sum(batch.nbytes for batch in batches)
    return rows >= runtime.limits.chunk_rows or size >= runtime.limits.chunk_bytes
