"""What needs somebody: tables with the same trouble are told of once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infra.cli.documents import Document
from infra.cli.operations import in_commands
from infra.cli.output import Output, quoted, state

_EACH = 3
"""So many tables with the same trouble are told of one by one."""
_NAMED = 5
_OF_A_KIND = 5
"""So many concerns of a kind are shown, unless all are asked for."""
_SYSTEM = "the system"


@dataclass(frozen=True, kw_only=True)
class Concern:
    """Something that is wrong with a table, with many, or with the system."""

    severity: str
    kind: str
    about: str
    message: str
    what_to_do: str
    tables: str | None = None
    """Which, where they are many."""


def concerns(alerts: Sequence[Document]) -> list[Concern]:
    """The alerts of a status, in their order; those that say the same of many tables as one."""
    alike: dict[tuple[str, str, str], list[Document]] = {}
    for one in alerts:
        name = one["table"] or _SYSTEM
        said = (one["severity"], one["message"].replace(name, "…"), one["what_to_do"].replace(name, "…"))
        alike.setdefault(said, []).append(one)
    return [concern for group in alike.values() for concern in _of(group)]


def _of(group: Sequence[Document]) -> Iterator[Concern]:
    if len(group) <= _EACH:
        yield from (_concern(one, one["table"] or _SYSTEM) for one in group)
        return
    names = ", ".join(one["table"] or _SYSTEM for one in group[:_NAMED])
    more = f" and {len(group) - _NAMED:,} more" if len(group) > _NAMED else ""
    yield _concern(group[0], f"{len(group):,} tables", names + more)


def _concern(alert: Document, about: str, tables: str | None = None) -> Concern:
    table = "TABLE" if tables or alert["table"] is None else quoted(alert["table"])
    return Concern(
        severity=alert["severity"],
        kind=alert["kind"],
        about=about,
        message=in_commands(alert["message"], table=table),
        what_to_do=in_commands(alert["what_to_do"], table=table),
        tables=tables,
    )


def show(out: Output, found: Sequence[Concern], *, everything: bool) -> None:
    """Each with what to do about it; of many of a kind the first, unless everything is asked for."""
    counted: Counter[str] = Counter()
    for one in found:
        counted[one.kind] += 1
        if counted[one.kind] > _OF_A_KIND and not everything:
            continue
        out.line("")
        out.line(state(one.severity), f"{one.about}: {one.message}")
        if one.tables:
            out.line(f"  {one.tables}")
        out.line(f"  → {one.what_to_do}")
    for kind, number in counted.items():
        if number > _OF_A_KIND and not everything:
            out.line("")
            out.line(f"{number - _OF_A_KIND:,} more are {kind}: refreshctl status --all")
