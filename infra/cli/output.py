"""What the command shows: JSON for scripts, tables and sentences for people. Colours only on a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH = 80
_STYLES = {
    "healthy": "green",
    "success": "green",
    "no_new_data": "green",
    "ok": "green",
    "delivered": "green",
    "enabled": "green",
    "degraded": "yellow",
    "warning": "yellow",
    "held": "yellow",
    "skipped": "yellow",
    "pending": "cyan",
    "kept": "green",
    "rolled_back": "yellow",
    "expired": "dim",
    "running": "cyan",
    "queued": "cyan",
    "failing": "red",
    "failed": "red",
    "critical": "red",
    "disabled": "dim",
}


class Output:
    """Where answers go. With `as_json` the document alone is written, and nothing else."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console(
            width=None if sys.stdout.isatty() else int(os.environ.get("COLUMNS") or _WIDTH),
            highlight=False,
            soft_wrap=False,
        )

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks on."""
        return self.console.is_terminal

    def json(self, document: Any) -> None:
        """The document for scripts."""
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    def line(self, *parts: str | Text) -> None:
        """A line of text, without markup."""
        self.console.print(*(part if isinstance(part, Text) else Text(part) for part in parts))

    def lines(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Names and values, a line each; what is None is left out."""
        shown = [(name, value) for name, value in pairs if value is not None]
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style="dim")
        table.add_column(overflow="fold")
        for name, value in shown:
            table.add_row(name, _cell(value))
        self.console.print(table)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
        """A table; columns in `right` hold numbers."""
        shown = list(rows)
        if not shown:
            self.line("There is nothing to show.")
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for head in heads:
            table.add_column(head, justify="right" if head in right else "left", overflow="fold")
        for row in shown:
            table.add_row(*(_cell(value) for value in row))
        self.console.print(table)


def state(word: str) -> Text:
    """A status in its colour."""
    return Text(word, style=_STYLES.get(word, ""))


def moment(text: str | None) -> str:
    """A time of the API, in UTC to the second."""
    return "–" if text is None else datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def ago(text: str | None, now: str) -> str:
    """How long ago a time of the API was at another."""
    if text is None:
        return "never"
    return f"{span((datetime.fromisoformat(now) - datetime.fromisoformat(text)).total_seconds())} ago"


def span(seconds: float | None) -> str:
    """A duration as people say it."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    whole = timedelta(seconds=round(seconds))
    hours = whole.seconds // 3600
    return f"{whole.days} d {hours} h" if whole.days else f"{hours} h {whole.seconds % 3600 // 60} min"


def size(count: int | None) -> str:
    """Bytes as people say them."""
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def _cell(value: Any) -> Text:
    match value:
        case Text():
            return value
        case None:
            return Text("–")
        case bool():
            return Text("yes" if value else "no")
        case int():
            return Text(f"{value:,}")
        case dict() | list():
            return Text(json.dumps(value, ensure_ascii=False))
    return Text(str(value))
