"""Staging: transformed rows by binary COPY, and the checkpoint that vouches for them, in one transaction."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from shared.domain.definition import Definition
from shared.domain.figures import Figures, combine
from shared.domain.quoting import postgres_identifier
from shared.domain.scope import Scope
from shared.ports import Session
from shared.refresh.claim import SliceClaim
from shared.refresh.encode import CopyEncoder
from shared.refresh.extract import Chunk
from shared.refresh.fence import fenced
from shared.refresh.runtime import Runtime
from shared.refresh.staging import SLICE, staging_name
from shared.refresh.transform import Transform, Transformed
from shared.sql import statement


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A chunk ready to be staged: transformed, in key order."""

    stream: str
    offset: int
    batches: list[pa.RecordBatch]
    parts: list[Transformed]


def prepared(chunks: Iterator[Chunk], definition: Definition) -> Iterator[Prepared]:
    """Transform each chunk and sort it by key: rows in key order fill the key's index from one side, not all over."""
    transform = Transform(definition.columns)
    for chunk in chunks:
        parts = [transform.apply(batch) for batch in chunk.batches]
        batches = [part.batch for part in parts]
        if definition.key:
            batches = _sorted(batches, definition.key)
        yield Prepared(stream=chunk.stream, offset=chunk.offset, batches=batches, parts=parts)


class Stager:
    """Stages the chunks of one slice, one transaction each, and follows what has been committed."""

    def __init__(self, runtime: Runtime, claim: SliceClaim, definition: Definition, offsets: dict[str, int]) -> None:
        self._runtime = runtime
        self._claim = claim
        self._encoder = CopyEncoder(definition.columns)
        self._copy = copy_statement(claim, definition)
        self._scope = definition.scope
        self._offsets = dict(offsets)
        self._figures: Figures = claim.checkpoint["figures_found"]
        self._stripped = Counter[str](claim.checkpoint["values_stripped"])

    def stage(self, chunk: Prepared) -> None:
        """Commit a chunk: its rows, its rejected rows, its counts and figures, and where its stream stands."""
        offsets = self._offsets | {chunk.stream: chunk.offset}
        figures, stripped = self._figures, self._stripped.copy()
        for part in chunk.parts:
            figures = combine(figures, part.figures)
            stripped.update(part.stripped)
        with fenced(self._runtime, self._claim) as session:
            session.copy_in(self._copy, self._encoder.chunks(chunk.batches, slice_no=self._claim.slice_no))
            self._runtime.steps.reached("chunk_copied")
            insert_quarantine(session, self._claim.parameters, self._scope, chunk)
            session.run(
                statement("advance_checkpoint"),
                **self._claim.parameters,
                **sum_counts(chunk.parts),
                offsets=json.dumps(offsets),
                figures=json.dumps(figures),
                stripped=json.dumps(stripped),
            )
        self._offsets, self._figures, self._stripped = offsets, figures, stripped
        pa.default_memory_pool().release_unused()
        self._runtime.steps.reached("chunk_committed")


def copy_statement(claim: SliceClaim, definition: Definition) -> str:
    """The COPY into the task's staging table."""
    columns = ", ".join(postgres_identifier(column.name) for column in definition.columns)
    return f"COPY {staging_name(claim.task)} ({columns}, {SLICE}) FROM STDIN (FORMAT binary)"


def _sorted(batches: list[pa.RecordBatch], key: tuple[str, ...]) -> list[pa.RecordBatch]:
    table = pa.Table.from_batches(batches).combine_chunks()
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in key])
    ordered: list[pa.RecordBatch] = table.take(order).combine_chunks().to_batches()
    return ordered


def insert_quarantine(session: Session, parameters: dict[str, Any], scope: Scope | None, chunk: Prepared) -> None:
    """Put the chunk's rejected rows aside; `parameters` name task and slice."""
    rejected = [
        {
            "scope": scope.value_of(one.row[scope.column]) if scope else None,
            "reason": one.reason,
            "column_name": one.column,
            "source_row": json.dumps(one.row),
        }
        for part in chunk.parts
        for one in part.rejected
    ]
    if rejected:
        session.run(statement("insert_quarantine"), **parameters, rejected=json.dumps(rejected))


def sum_counts(parts: list[Transformed]) -> dict[str, int]:
    """Rows received and what became of them."""
    return {
        "received": sum(part.received for part in parts),
        "staged": sum(part.batch.num_rows for part in parts),
        "quarantined": sum(len(part.rejected) for part in parts),
        "superseded": sum(part.superseded for part in parts),
        "merged": sum(part.merged for part in parts),
    }
