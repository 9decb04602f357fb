"""Staging: transformed rows by binary COPY, and the checkpoint that vouches for them, in one transaction."""

from __future__ import annotations

import json

from shared.domain.definition import Definition
from shared.domain.figures import Figures, combine
from shared.domain.quoting import postgres_identifier
from shared.refresh.claim import SliceClaim
from shared.refresh.encode import CopyEncoder
from shared.refresh.extract import Chunk
from shared.refresh.fence import fenced
from shared.refresh.runtime import Runtime
from shared.refresh.staging import SLICE, staging_name
from shared.refresh.transform import Transform, Transformed
from shared.sql import statement


class Stager:
    """Stages the chunks of one slice. `offsets` and `figures` follow what has been committed."""

    def __init__(self, runtime: Runtime, claim: SliceClaim, definition: Definition, offsets: dict[str, int]) -> None:
        self._runtime = runtime
        self._claim = claim
        self._transform = Transform(definition.columns)
        self._encoder = CopyEncoder(definition.columns)
        self._copy = copy_statement(claim, definition)
        self._offsets = dict(offsets)
        self._figures: Figures = claim.checkpoint["figures_found"]

    def stage(self, chunk: Chunk) -> None:
        """Commit a chunk: its rows, its rejected rows, its counts and figures, and where its stream stands."""
        parts = [self._transform.apply(batch) for batch in chunk.batches]
        offsets = self._offsets | {chunk.stream: chunk.offset}
        figures = self._figures
        for part in parts:
            figures = combine(figures, part.figures)
        with fenced(self._runtime, self._claim) as session:
            session.copy_in(
                self._copy,
                self._encoder.chunks((part.batch for part in parts), slice_no=self._claim.slice_no),
            )
            self._runtime.steps.reached("chunk_copied")
            rejected = [one for part in parts for one in part.rejected]
            if rejected:
                session.run(
                    statement("insert_quarantine"),
                    **self._claim.parameters,
                    rejected=json.dumps(
                        [{"reason": one.reason, "column_name": one.column, "source_row": one.row} for one in rejected]
                    ),
                )
            session.run(
                statement("advance_checkpoint"),
                **self._claim.parameters,
                **_counts(parts),
                offsets=json.dumps(offsets),
                figures=json.dumps(figures),
            )
        self._offsets, self._figures = offsets, figures
        self._runtime.steps.reached("chunk_committed")


def copy_statement(claim: SliceClaim, definition: Definition) -> str:
    """The COPY into the task's staging table."""
    columns = ", ".join(postgres_identifier(column.name) for column in definition.columns)
    return f"COPY {staging_name(claim.task)} ({columns}, {SLICE}) FROM STDIN (FORMAT binary)"


def _counts(parts: list[Transformed]) -> dict[str, int]:
    return {
        "received": sum(part.received for part in parts),
        "staged": sum(part.batch.num_rows for part in parts),
        "quarantined": sum(len(part.rejected) for part in parts),
        "superseded": sum(part.superseded for part in parts),
        "merged": sum(part.merged for part in parts),
    }
