"""`status`: whether the data can be trusted."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import typer

from infra.cli import attention
from infra.cli.documents import Document
from infra.cli.errors import CommandError, Exit
from infra.cli.output import Output, ago, minute, span, state
from infra.cli.session import Json, Tables, opened

_FEW = 30
"""So many tables are all listed; of more only those that run or need somebody, unless all are asked for."""
_FINE = ("success", "no_new_data", "disabled")


def status(
    context: typer.Context,
    tables: Tables = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help="List every table, however many there are.")] = False,
    json: Json = False,
) -> None:
    """Whether every table is right and fresh, and what to do.

    The first line says it in a sentence. Of more than 30 tables those that are fine and idle are left out. Exit code 1
    when something needs attention; with tables named, something of theirs.
    """
    session = opened(context, json)
    document = session.api.read("/status")
    if tables:
        _only(document, tables)
    if session.out.as_json:
        session.out.json(document)
    else:
        if not tables:
            session.out.line(state(document["overall_status"]), document["summary"])
        show(session.out, document, everything=everything or bool(tables))
    if document["alerts"] if tables else document["overall_status"] != "healthy":
        raise typer.Exit(Exit.NOT_WELL)


def _only(document: Document, tables: Collection[str]) -> None:
    """Leave what is of these tables, in a document of all."""
    unknown = sorted(set(tables) - {one["table"] for one in document["tables"]})
    if unknown:
        raise CommandError(Exit.NOT_FOUND, f"not registered: {', '.join(unknown)}")
    for name in ("tables", "recent_activity", "alerts"):
        document[name] = [one for one in document[name] if one["table"] in tables]


def show(out: Output, document: Document, *, everything: bool) -> None:
    """The tables, what runs, and what needs somebody."""
    tables = document["tables"]
    troubled = {alert["table"] for alert in document["alerts"]}
    shown = [
        one
        for one in tables
        if everything or len(tables) <= _FEW or one["table"] in troubled or one["status"] not in _FINE
    ]
    if shown:
        _list(out, shown, now=document["generated_at"])
    if len(shown) < len(tables):
        out.line("")
        out.line(f"{len(tables) - len(shown):,} more tables are fine and idle: refreshctl status --all")
    for one in shown:
        if one["progress"] and (said := _progress(one["progress"])):
            out.line(f"{one['table']}: {said}")
    attention.show(out, attention.concerns(document["alerts"]), everything=everything)


def _list(out: Output, tables: list[Document], *, now: str) -> None:
    out.line("")
    out.table(
        ("table", "status", "as of", "newest data", "next (UTC)"),
        (
            (
                one["table"],
                state(one["status"]),
                ago(one["data_as_of"], now),
                one["last_data_period"],
                minute(one["next_refresh"]),
            )
            for one in tables
        ),
        spare=("next (UTC)", "newest data"),
    )


def _progress(progress: Document) -> str | None:
    """How far a refresh is; None for one that has not begun."""
    if progress["waiting_for"]:
        return f"waits for its next try ({progress['waiting_for']})"
    if not progress["slices_total"]:
        return None
    done = f"{progress['phase']}, slices {progress['slices_done']}/{progress['slices_total']}"
    left = f", about {span(progress['seconds_left'])} left" if progress["seconds_left"] else ""
    return f"{done}, rows {progress['rows_done']:,}/{progress['rows_total']:,}{left}"
