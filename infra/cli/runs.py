"""`trigger`, `runs`, `run`, `history`, `replay`: what is refreshed, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import typer

from infra.cli.documents import Document
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.output import Output, milliseconds, minute, state
from infra.cli.run_view import show_run, show_slices
from infra.cli.session import Json, OneTable, Session, Tables, known, opened
from infra.cli.watch import watch

Mode = Literal["live", "shadow", "dry_run"]
RunStatus = Literal["running", "success", "warning", "failed"]
Ended = Literal["success", "no_new_data", "warning", "held", "failed", "skipped"]

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or `last` for the newest.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show how far it is, until it has ended.")]
Key = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Idempotency key: the same call again with the same key makes no second run."),
]
OfRun = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="Only of this run; `last` is the newest.", show_default=False)
]
Page = Annotated[int, typer.Option(min=1, help="From 1, newest first.")]
PageSize = Annotated[int, typer.Option("--limit", min=1, max=100, help="Entries of a page.")]
Since = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="At or after, as 2026-01-31T06:00:00Z.", show_default=False)
]
Until = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Before.", show_default=False)]


def trigger(
    context: typer.Context,
    tables: Tables = None,
    force: Annotated[
        bool, typer.Option("--force", help="Read and compare everything anew, however lately it was.")
    ] = False,
    mode: Annotated[Mode | None, typer.Option(help="How far to go. None: as each table is registered.")] = None,
    watch_it: Watch = False,
    key: Key = None,
    json: Json = False,
) -> None:
    """Refresh tables now, all live ones unless some are named.

    With --watch, exit code 1 when the run does not end as a success.
    """
    session = opened(context, json)
    body: dict[str, Any] = {"force": force}
    body |= ({"tables": tables} if tables else {}) | ({"mode": mode} if mode else {})
    accepted = session.api.send("POST", "/trigger", body, headers={"Idempotency-Key": key or str(uuid4())}).document
    follow(session, accepted, f"run {accepted['run_id']} is accepted", watch_it=watch_it)


def replay(context: typer.Context, run: RunId, watch_it: Watch = False, key: Key = None, json: Json = False) -> None:
    """Do again what failed, was held or skipped in a run.

    A new run does it, where possible at the snapshot of the old one.
    """
    session = opened(context, json)
    path = f"/runs/{run_id(session, run)}/replay"
    accepted = session.api.send("POST", path, headers={"Idempotency-Key": key or str(uuid4())}).document
    what = f"run {accepted['run_id']} does {', '.join(accepted['tables'])} again"
    follow(session, accepted, f"{what}, at the {accepted['snapshot']} snapshot: {accepted['why']}", watch_it=watch_it)


def follow(session: Session, accepted: Document, said: str, *, watch_it: bool) -> None:
    """Tell that a run was made; with `watch_it` show it until its end, and end with its outcome."""
    out = session.out
    if not watch_it:
        if out.as_json:
            out.json(accepted)
        else:
            out.line(f"{said}.")
            out.line(f"See it by: refreshctl run {accepted['run_id']} --watch")
        return
    if not out.as_json:
        out.line(f"{said}.")
    _end_with(session, watch(session, UUID(accepted["run_id"])))


def run(
    context: typer.Context,
    run: RunId,
    watch_it: Watch = False,
    slices: Annotated[bool, typer.Option("--slices", help="Show the parts that each table is loaded in.")] = False,
    everything: Annotated[bool, typer.Option("--all", "-a", help="List every table, however many there are.")] = False,
    json: Json = False,
) -> None:
    """One run: its tables, what became of them, what to do next.

    Exit code 1 when it did not end as a success.
    """
    session = opened(context, json)
    found = run_id(session, run)
    document = watch(session, found) if watch_it else session.api.read(f"/runs/{found}")
    if slices and not session.out.as_json:
        show_slices(session.out, document["tables"])
        session.out.line("")
    _end_with(session, document, everything=everything)


def _end_with(session: Session, document: Document, *, everything: bool = False) -> None:
    if session.out.as_json:
        session.out.json(document)
    else:
        show_run(session.out, document, everything=everything)
    if document["status"] not in ("success", "running"):
        raise typer.Exit(Exit.NOT_WELL)


def runs(
    context: typer.Context,
    status: Annotated[RunStatus | None, typer.Option(help="Only these.")] = None,
    page: Page = 1,
    limit: PageSize = 20,
    json: Json = False,
) -> None:
    """Runs, newest first."""
    session = opened(context, json)
    document = session.api.read("/runs", status=status, page=page, page_size=limit)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("run", "status", "trigger", "began (UTC)", "took", "tables"),
        (
            (
                one["run_id"],
                state(one["status"]),
                one["trigger"],
                minute(one["created_at"])[5:],
                milliseconds(one["duration_ms"]),
                sum(one["tables_by_status"].values()),
            )
            for one in document["items"]
        ),
        right=("took", "tables"),
        spare=("took", "trigger"),
    )
    tell_more(session.out, document)


def history(
    context: typer.Context,
    table: OneTable = None,
    status: Annotated[Ended | None, typer.Option(help="Only these.")] = None,
    since: Since = None,
    until: Until = None,
    page: Page = 1,
    limit: PageSize = 20,
    json: Json = False,
) -> None:
    """Refreshes of tables that have ended, newest first."""
    session = opened(context, json)
    span_of = {"from_": since, "to": until}
    document = session.api.read("/history", table=table, status=status, page=page, page_size=limit, **span_of)
    if not document["items"]:
        known(session, table)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("table", "status", "ended (UTC)", "took", "read", "new", "changed", "gone"),
        (
            (
                one["table"],
                state(one["status"]),
                minute(one["finished_at"])[5:],
                milliseconds(one["duration_ms"]),
                one["rows_read"],
                one["rows_inserted"],
                one["rows_updated"],
                one["rows_deleted"],
            )
            for one in document["items"]
        ),
        right=("took", "read", "new", "changed", "gone"),
        spare=("took", "read"),
    )
    tell_more(session.out, document)


def tell_more(out: Output, document: Document) -> None:
    """That there are further pages."""
    pagination = document["pagination"]
    if pagination["page"] < pagination["pages"]:
        out.line(f"Page {pagination['page']} of {pagination['pages']}; the next: --page {pagination['page'] + 1}")


def run_id(session: Session, text: str) -> UUID:
    """The id that the caller means."""
    if text == "last":
        items = session.api.read("/runs", page_size=1)["items"]
        if not items:
            raise CommandError(Exit.NOT_FOUND, "there has been no run yet")
        return UUID(items[0]["run_id"])
    try:
        return UUID(text)
    except ValueError as error:
        raise usage(f"{text} is no run's id: refreshctl runs lists them; `last` is the newest") from error


def known_run(session: Session, text: str | None) -> UUID | None:
    """The same, where all runs may be meant."""
    return None if text is None else run_id(session, text)
