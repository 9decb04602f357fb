"""What the command shows: JSON for scripts, tables and sentences for people. Colours only on a terminal."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from infra.cli.layout import Word, fits, laid_out, painted, tame

_STYLES = {
    **dict.fromkeys(("healthy", "success", "no_new_data", "ok", "delivered", "enabled", "kept"), "green"),
    **dict.fromkeys(("degraded", "warning", "held", "skipped", "rolled_back", "not_equal"), "yellow"),
    **dict.fromkeys(("pending", "running", "queued"), "cyan"),
    **dict.fromkeys(("failing", "failed", "critical", "cancelled"), "red"),
    **dict.fromkeys(("expired", "disabled", "never_refreshed"), "dim"),
}
_BARS = "▁▂▃▄▅▆▇█"


class Output:
    """Where answers go. With `as_json` the document alone is written, and nothing else."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.is_terminal = sys.stdout.isatty()
        """Whether somebody looks on."""
        self._coloured = is_coloured(is_terminal=self.is_terminal)
        self._width = _width(is_terminal=self.is_terminal)

    def json(self, document: Any) -> None:
        """The document for scripts."""
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    def line(self, *parts: str) -> None:
        """A line of text, the first part in its colour. What does not fit goes on below, further in."""
        lead, text = parts[0], tame(" ".join(parts), breaks=True)
        lines = [line for paragraph in text.split("\n") for line in self._wrapped(paragraph)]
        if lines[0].startswith(lead):
            lines[0] = painted(lead, coloured=self._coloured) + lines[0][len(lead) :]
        for line in lines:
            self._write(line)

    def lines(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Names and values, a line each; what is None is left out."""
        rows: list[list[str]] = [[Word(name, "dim"), cell(value)] for name, value in pairs if value is not None]
        for line in laid_out(rows, width=self._width, fixed=[0], coloured=self._coloured):
            self._write(line)

    def table(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[Any]],
        *,
        right: Sequence[str] = (),
        spare: Sequence[str] = (),
    ) -> None:
        """A table; columns in `right` hold numbers, those in `spare` are left out one by one where it is narrow."""
        shown = [[cell(value) for value in row] for row in rows]
        if not shown:
            self.line("There is nothing to show.")
            return
        headed: list[list[str]] = [[Word(head, "bold") for head in heads], *shown]
        for left_out in ((), *(spare[: i + 1] for i in range(len(spare)))):
            kept = [i for i, head in enumerate(heads) if head not in left_out]
            numbers = [place for place, i in enumerate(kept) if heads[i] in right]
            table = [[row[i] for i in kept] for row in headed]
            if fits(table, width=self._width, fixed=numbers):
                break
        for line in laid_out(
            table, width=self._width, fixed=numbers, right=numbers, coloured=self._coloured, headed=True
        ):
            self._write(line)

    def _wrapped(self, text: str) -> list[str]:
        if self._width is None:
            return [text]
        indent = " " * (len(text) - len(text.lstrip()) + 2)
        wrapped = textwrap.wrap(
            text, self._width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        return wrapped or [""]

    @staticmethod
    def _write(line: str) -> None:
        sys.stdout.write(line.rstrip() + "\n")


def is_coloured(*, is_terminal: bool) -> bool:
    """By https://no-color.org and its counterpart FORCE_COLOR, else where somebody looks on."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (is_terminal and os.environ.get("TERM") != "dumb")


def _width(*, is_terminal: bool) -> int | None:
    """Where lines end; None for what is piped, so that whoever searches it finds whole names."""
    if is_terminal or os.environ.get("COLUMNS"):
        return max(20, shutil.get_terminal_size().columns)
    return None


def state(word: str) -> Word:
    """A status in its colour."""
    return Word(word, _STYLES.get(word, ""))


def moment(text: str | None) -> str:
    """A time of the API, in UTC to the second."""
    return "–" if text is None else datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def minute(text: str | None) -> str:
    """The same to the minute, for tables."""
    return moment(text)[:16]


def ago(text: str | None, now: str) -> str:
    """How long ago a time of the API was at another."""
    if text is None:
        return "never"
    return f"{span((datetime.fromisoformat(now) - datetime.fromisoformat(text)).total_seconds())} ago"


def span(seconds: float | None) -> str:
    """A duration as people say it."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minute_of_hour = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minute_of_hour} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def milliseconds(count: int | None) -> str:
    """A duration of the API as people say it."""
    return span(None if count is None else count / 1000)


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


def percent(share: float | None) -> str:
    """A share as people say it; what is not all is never shown as all."""
    if share is None:
        return "–"
    return f"{(share if share >= 1 else min(share, 0.999)) * 100:.1f} %".replace(".0 %", " %")


def picture(values: Sequence[float | None]) -> str:
    """Values as a row of bars, from nothing to the largest; what there is not is a dot."""
    top = max((value for value in values if value is not None), default=0)
    return "".join(
        "·" if value is None else _BARS[0 if not top else min(7, round(value / top * 7))] for value in values
    )


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number of things."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def quoted(text: str) -> str:
    """As a shell takes it for one word."""
    return shlex.quote(text)


def cell(value: Any) -> str:
    """A value as a table shows it."""
    match value:
        case Word():
            return value
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case dict() | list():
            return tame(json.dumps(value, ensure_ascii=False))
    return tame(str(value))
