"""Text in columns: as wide as it is, folded where it has to be narrower, or a value below the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells

_GAP = "  "
_NARROWEST = 16
"""What a column is folded to at most; below that a row is shown value by value."""
_ANSI = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Word(str):
    """Text with a style."""

    __slots__ = ("style",)
    style: str

    def __new__(cls, text: str, style: str) -> Word:
        """The text; `style` is a name of _ANSI, or empty."""
        made = super().__new__(cls, text)
        made.style = style
        return made


def painted(text: str, *, coloured: bool, shown: str | None = None) -> str:
    """The text (or a part of it, `shown`) in its style."""
    part = text if shown is None else shown
    if not coloured or not isinstance(text, Word) or not text.style or not part:
        return part
    return f"\x1b[{_ANSI[text.style]}m{part}\x1b[0m"


def tame(text: str, *, breaks: bool = False) -> str:
    """Text of others without what would steer the terminal; line breaks stay if they are wanted."""
    return _CONTROL.sub(lambda found: "\n" if breaks and found[0] == "\n" else _harmless(found[0]), text)


def _harmless(character: str) -> str:
    return " " if character in "\t\r\n" else f"\\x{ord(character):02x}"


def laid_out(
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    fixed: Sequence[int],
    coloured: bool,
    right: Sequence[int] = (),
    headed: bool = False,
) -> Iterator[str]:
    """The lines of a table, whose first row may be its heads. Columns that are `fixed` are not folded."""
    widths = _widths(rows)
    fitted = _fitted(widths, width, fixed)
    if fitted is None and headed:
        yield from _one_below_the_other(rows, width=width, coloured=coloured)
        return
    for row in rows:
        yield from _row(row, fitted or widths, right=right, coloured=coloured)


def fits(rows: Sequence[Sequence[str]], *, width: int | None, fixed: Sequence[int]) -> bool:
    """Whether the columns have room side by side."""
    return _fitted(_widths(rows), width, fixed) is not None


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]) if rows else 0)]


def _fitted(widths: list[int], width: int | None, fixed: Sequence[int]) -> list[int] | None:
    """Widths that fit; None where none would."""
    fitted = list(widths)
    while width is not None and sum(fitted) + len(_GAP) * (len(fitted) - 1) > width:
        widest = max((i for i in range(len(fitted)) if i not in fixed), key=lambda i: fitted[i], default=None)
        if widest is None or fitted[widest] <= _NARROWEST:
            return None
        fitted[widest] -= 1
    return fitted


def _row(row: Sequence[str], widths: Sequence[int], *, right: Sequence[int], coloured: bool) -> Iterator[str]:
    folded = [fold(text, width) for text, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, folded))):
        parts = [part[number] if number < len(part) else "" for part in folded]
        yield _GAP.join(
            _padded(painted(text, coloured=coloured, shown=part), width - cell_len(part), right=i in right)
            for i, (text, part, width) in enumerate(zip(row, parts, widths, strict=True))
        ).rstrip()


def _padded(text: str, missing: int, *, right: bool) -> str:
    return " " * missing + text if right else text + " " * missing


def fold(text: str, width: int) -> list[str]:
    """A cell's lines: broken behind a separator where there is one, and further in from the second on."""
    lines, rest, indent = [], text, ""
    while cell_len(indent + rest) > width:
        head = chop_cells(rest, max(1, width - len(indent)))[0]
        at = max((head.rfind(mark) for mark in " ._-/,"), default=-1) + 1
        taken = head[:at] if at > len(head) // 3 else head
        lines.append(indent + taken)
        rest, indent = rest[len(taken) :].lstrip(), "  "
    return [*lines, indent + rest]


def _one_below_the_other(rows: Sequence[Sequence[str]], *, width: int | None, coloured: bool) -> Iterator[str]:
    heads = rows[0]
    room = max(cell_len(head) for head in heads)
    left = max(8, (width or 0) - room - len(_GAP))
    for number, row in enumerate(rows[1:]):
        if number:
            yield ""
        for head, text in zip(heads, row, strict=True):
            yield from _row([head, text], [room, max(left, 1)], right=(), coloured=coloured)
