"""Pieces of the page: sections, tables, and how their cells are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from html import escape
from typing import Any

from shared.dashboard.figures import count
from shared.ports import Row

type Cell = Callable[[Row], str]
"""What stands in a column, as HTML."""


def section(title: str, said: str, inside: str) -> str:
    """A part of the page; `inside` is HTML."""
    lead = f'<p class="soft small">{said}</p>' if said else ""
    return f"<section><h2>{escape(title)}</h2>{lead}{inside}</section>"


def signed(value: Decimal | None, form: Callable[[Decimal | None], str]) -> str:
    """A change, marked as up or down by its sign and not by colour alone."""
    kind = "even" if not value else "up" if value > 0 else "down"
    return f'<b class="{kind}">{form(value)}</b>'


def table(rows: Sequence[Row], columns: Sequence[tuple[str, Cell]], *, left: int = 1) -> str:
    """Columns are heads with cells; the first `left` ones hold text."""
    if not rows:
        return '<p class="soft">Nothing to show for this period.</p>'
    kinds = ["left" if number < left else "" for number in range(len(columns))]
    head = "".join(f'<th class="{kind}">{name}</th>' for kind, (name, _) in zip(kinds, columns, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{kind}">{cell(row)}</td>' for kind, (_, cell) in zip(kinds, columns, strict=True))
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def text(name: str) -> Cell:
    """The column's text."""
    return lambda row: escape(str(row[name] or ""))


def shown(form: Callable[[Any], str], name: str) -> Cell:
    """The column's figure in the given form."""
    return lambda row: form(row[name])


def bar(rows: Sequence[Row], name: str) -> Cell:
    """A count with a bar beside it, the largest of `rows` being the whole."""
    widest = max((float(row[name] or 0) for row in rows), default=0.0)

    def cell(row: Row) -> str:
        width = 100 * float(row[name] or 0) / widest if widest else 0
        drawn = f'<span class="rail"><span class="bar" style="width:{width:.0f}%"></span></span>'
        return f'{drawn}<span class="figure">{count(row[name])}</span>'

    return cell
