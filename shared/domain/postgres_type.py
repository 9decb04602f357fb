"""A Postgres type as `format_type()` writes it, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEXT = re.compile(
    r"""(?P<base>"char"|[^(\[]+?)
    (?:\((?P<modifiers>[^)]*)\))?
    (?P<zone>\ with(?:out)?\ time\ zone)?
    (?P<array>\[\])?""",
    re.VERBOSE,
)


@dataclass(frozen=True, kw_only=True)
class PostgresType:
    """`character varying(10)[]` is base `character varying`, modifiers ("10",), array."""

    base: str
    """Without schema and modifiers: `timestamp with time zone`, `numeric`, `citext`."""
    modifiers: tuple[str, ...] = ()
    array: bool = False

    @classmethod
    def parse(cls, text: str) -> PostgresType:
        """Take the text apart; ValueError for what `format_type()` does not write."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a Postgres type")
        modifiers = match["modifiers"]
        return cls(
            base=match["base"].rpartition(".")[2] + (match["zone"] or ""),
            modifiers=tuple(part.strip() for part in modifiers.split(",")) if modifiers else (),
            array=match["array"] is not None,
        )

    @property
    def numbers(self) -> tuple[int, ...]:
        """The modifiers as numbers: length, or precision and scale. ValueError when they are words."""
        return tuple(int(part) for part in self.modifiers)
