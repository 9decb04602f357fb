"""What Postgres cannot store in text and JSON: NUL, in JSON also its escape and lone surrogates, and bare NaN."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

_OFFSET_BYTES = 4

# A string's escapes are read from left to right, so that the second half of an escaped backslash starts no escape.
_ESCAPE = re.compile(
    r"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<unfit>u0000|u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<bare>-?(?:NaN|Infinity))', re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """Values with everything removed that does not fit, and the positions of those that had some."""

    values: pa.Array
    unfit: pa.Array


def without_nul(values: pa.Array) -> Cleaned | None:
    """Text without NUL; None when there is none in it, which one look at its bytes tells."""
    if b"\0" not in _bytes(values):
        return None
    return Cleaned(
        values=pc.replace_substring(values, "\0", ""),
        unfit=pc.indices_nonzero(pc.match_substring(values, "\0")),
    )


def fit_for_jsonb(values: pa.Array) -> Cleaned | None:
    r"""JSON without `\u0000` and without lone surrogates; None when there are none."""
    if b"\\u" not in _bytes(values):
        return None
    texts = values.to_pylist()
    cleaned = [text if text is None or "\\u" not in text else _ESCAPE.sub(_kept, text) for text in texts]
    unfit = [row for row, (old, new) in enumerate(zip(texts, cleaned, strict=True)) if old != new]
    if not unfit:
        return None
    return Cleaned(values=pa.array(cleaned, values.type), unfit=pa.array(unfit, pa.uint64()))


def with_quoted_numbers(values: pa.Array) -> pa.Array:
    """JSON with NaN and ±Infinity as strings, as BigQuery writes them; bare ones are no JSON."""
    data = _bytes(values)
    if b"NaN" not in data and b"Infinity" not in data:
        return values
    quoted = [None if text is None else _TOKEN.sub(_quoted, text) for text in values.to_pylist()]
    return pa.array(quoted, values.type)


def _kept(escape: re.Match[str]) -> str:
    return "" if escape["unfit"] else escape[0]


def _quoted(token: re.Match[str]) -> str:
    return f'"{token[0]}"' if token["bare"] else token[0]


def _bytes(values: pa.Array) -> bytes:
    """The bytes of all values together."""
    if len(values) == 0:
        return b""
    _, offsets, data = values.buffers()
    if data is None:
        return b""
    first = _offset(offsets, values.offset)
    return bytes(data.slice(first, _offset(offsets, values.offset + len(values)) - first))


def _offset(offsets: pa.Buffer, position: int) -> int:
    return int.from_bytes(offsets.slice(position * _OFFSET_BYTES, _OFFSET_BYTES).to_pybytes(), "little")
