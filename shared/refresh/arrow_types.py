"""The Arrow type in which each kind of column is received, and in which it is handed to the encoder."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from shared.domain.errors import PermanentError
from shared.domain.figures import Kind
from shared.domain.types import WireColumn

_RECEIVED = {
    Kind.TEXT: pa.string(),
    Kind.INT: pa.int64(),
    Kind.FLOAT: pa.float64(),
    Kind.BOOL: pa.bool_(),
    Kind.NUMERIC: pa.decimal128(38, 9),
    Kind.BYTES: pa.binary(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.DATETIME: pa.timestamp("us"),
    Kind.TIMESTAMP: pa.timestamp("us", "UTC"),
    Kind.JSON: pa.string(),
    Kind.LITERAL: pa.string(),
}
_NARROWED = {"integer": pa.int32(), "smallint": pa.int16()}


def received_type(column: WireColumn) -> pa.DataType:
    """What the column is normalised to when it arrives."""
    kind = _RECEIVED[column.kind]
    return pa.list_(kind) if column.repeated else kind


def staged_type(column: WireColumn) -> pa.DataType:
    """What the encoder gets, of which Postgres' binary form is the staging type's."""
    return _NARROWED.get(column.staging_type, received_type(column))


def normalised(column: WireColumn, values: pa.Array) -> pa.Array:
    """The values in the column's received type, whatever encoding (views, dictionaries, large offsets) they came in.

    PermanentError when they are of another type altogether, or would change.
    """
    wanted = received_type(column)
    if values.type == wanted:
        return values
    try:
        return pc.cast(values, wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise PermanentError(
            f"column {column.name} arrived as {values.type}, not {wanted}: {error}", reason="unexpected_wire_type"
        ) from error
