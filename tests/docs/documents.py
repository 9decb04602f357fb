"""The documents as tests see them: their code blocks, tables and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from infra.local.stack import ROOT

README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
CHANGELOG = ROOT / "CHANGELOG.md"
DOCUMENTS = (README, CONTRIBUTING, CHANGELOG)

_FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block; `shown` is the text block that follows it, which then is what it prints."""

    language: str
    text: str
    line: int
    shown: str | None = None


def blocks(document: Path) -> list[Block]:
    """The document's fenced blocks, in order, those of lists without their indentation."""
    text = document.read_text(encoding="utf-8")
    found = [
        (
            one,
            Block(
                language=one[2],
                text=re.sub(rf"^{one[1]}", "", one[3], flags=re.MULTILINE),
                line=text.count("\n", 0, one.start()) + 1,
            ),
        )
        for one in _FENCE.finditer(text)
    ]
    shown = {
        first.line: then.text
        for (where, first), (after, then) in pairwise(found)
        if then.language == "text" and not text[where.end() : after.start()].strip()
    }
    return [
        Block(language=one.language, text=one.text, line=one.line, shown=shown.get(one.line))
        for _, one in found
        if one.language != "text"
    ]


def section(document: Path, title: str) -> str:
    """The text below a heading, down to the next one of the same or a higher level; KeyError without such a heading."""
    text = document.read_text(encoding="utf-8")
    start = re.search(rf"^(#+) {re.escape(title)}$", text, re.MULTILINE)
    if start is None:
        raise KeyError(title)
    rest = text[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def table_rows(text: str) -> list[list[str]]:
    """The cells of every table row of a text, without heads and rulers."""
    lines = text.splitlines()
    rulers = {number for number, line in enumerate(lines) if re.fullmatch(r"\|[-|]+\|", line)}
    heads = {number - 1 for number in rulers}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for number, line in enumerate(lines)
        if line.startswith("|") and number not in rulers | heads
    ]


def code_words(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)
