"""Clean batches as a binary COPY stream for the staging table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pgpq
import pyarrow as pa
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb

from shared.domain.postgres_type import PostgresType
from shared.domain.types import WireColumn
from shared.refresh.arrow_types import staged_type
from shared.refresh.staging import SLICE

_STEP_BYTES = 256 * 1024
"""Arrow bytes that are encoded at once: they stay in the processor's cache. pgpq hands out about 1 MiB at a time."""

_BINARY_FORMS = {
    "text": "TEXT",
    "character varying": "TEXT",
    "character": "TEXT",
    "citext": "TEXT",
    "json": "TEXT",
    "jsonb": "JSONB",
    "bigint": "INT8",
    "integer": "INT4",
    "smallint": "INT2",
    "double precision": "FLOAT8",
    "boolean": "BOOL",
    "numeric": "NUMERIC",
    "bytea": "BYTEA",
    "date": "DATE",
    "time without time zone": "TIME",
    "timestamp without time zone": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMP",
}
"""Staging type → the type whose binary form it takes."""

_ONLY_AS_THEMSELVES = {"character varying", "character", "citext", "json", "jsonb", "timestamp with time zone"}
"""Types whose arrays name their element type on the wire, which pgpq cannot name."""


class CopyEncoder:
    """Encodes batches of the given columns and, where `numbered`, the number of their slice as the last column.

    ValueError when what would be sent is not what a staging column takes.
    """

    def __init__(self, columns: Sequence[WireColumn], *, numbered: bool = True) -> None:
        self._numbered = numbered
        self._received = pa.schema([pa.field(column.name, staged_type(column)) for column in columns])
        number = pa.field(SLICE, pa.int32())
        self._schema = self._received.append(number) if numbered else self._received
        self._builders = {
            field.name: _builder(field, column.staging_type)
            for field, column in zip(self._schema, columns, strict=False)
        } | ({SLICE: pgpq.ArrowToPostgresBinaryEncoder.infer_encoder(number)} if numbered else {})
        sent = self._encoder().schema().columns
        for column, form in zip(columns, sent, strict=False):
            if form.data_type.ddl() != _binary_form(column.staging_type):
                raise ValueError(f"{column.name} would be sent as {form.data_type.ddl()}, not {column.staging_type}")

    def chunks(self, batches: Iterable[pa.RecordBatch], *, slice_no: int) -> Iterator[bytes]:
        """A complete stream, from header to trailer, in chunks of about a mebibyte."""
        encoder = self._encoder()
        yield encoder.write_header()
        for batch in batches:
            if not batch.schema.equals(self._received):
                raise ValueError(f"a batch has the columns {batch.schema}, not {self._schema}")
            for part in _parts(batch):
                if self._numbered:
                    numbers = pa.repeat(pa.scalar(slice_no, pa.int32()), part.num_rows)
                    part = pa.record_batch([*part.columns, numbers], schema=self._schema)
                chunk = encoder.write_batch(part)
                if chunk:
                    yield chunk
        yield encoder.finish()

    def _encoder(self) -> Any:
        return pgpq.ArrowToPostgresBinaryEncoder.new_with_encoders(self._schema, self._builders)


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    row_bytes = max(1, batch.nbytes // max(1, batch.num_rows))
    rows = max(1, _STEP_BYTES // row_bytes)
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _builder(field: pa.Field, staging_type: str) -> Any:
    if staging_type == "jsonb":
        return StringEncoderBuilder.new_with_output(field, Jsonb())
    return pgpq.ArrowToPostgresBinaryEncoder.infer_encoder(field)


def _binary_form(staging_type: str) -> str:
    form = PostgresType.parse(staging_type)
    if form.base not in _BINARY_FORMS or (form.array and form.base in _ONLY_AS_THEMSELVES):
        raise ValueError(f"{staging_type} cannot be staged")
    return _BINARY_FORMS[form.base] + ("[]" if form.array else "")
