"""`backfill`: ranges of days, loaded behind the daily refresh."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import uuid4

import typer

from infra.cli.documents import Document, segment
from infra.cli.errors import Exit
from infra.cli.output import counted, size, span, state
from infra.cli.runs import Key, Page, PageSize, Watch, follow, tell_more
from infra.cli.session import Json, OneTable, Session, Table, Yes, confirm, known, opened

app = typer.Typer(no_args_is_help=True, help="Ranges of days, loaded behind the daily runs.")

BackfillId = Annotated[str, typer.Argument(metavar="BACKFILL", help="A backfill's id.")]


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no day, which is like 2025-01-31") from error


@app.command("start")
def start_backfill(
    context: typer.Context,
    table: Table,
    first: Annotated[str, typer.Option("--from", metavar="DAY", help="The first day, as 2025-01-31.", callback=_day)],
    last: Annotated[str, typer.Option("--to", metavar="DAY", help="The last day.", callback=_day)],
    visible: Annotated[
        Literal["end", "slice"],
        typer.Option(help="end: published all at once. slice: part by part, in little staging."),
    ] = "end",
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what it would look at, how long and for how much; begin nothing.")
    ] = False,
    watch_it: Watch = False,
    key: Key = None,
    json: Json = False,
) -> None:
    """Load a range of days of a table again.

    Asked for once more, a backfill that has not ended goes on.
    """
    session = opened(context, json)
    if preview:
        wanted = {"table": table, "from": first, "to": last, "visible": visible}
        _show_preview(session, session.api.send("POST", "/backfills/preview", wanted).document)
        return
    body = {"tables": [table], "backfill": {"from": first, "to": last, "visible": visible}}
    accepted = session.api.send("POST", "/trigger", body, headers={"Idempotency-Key": key or str(uuid4())}).document
    follow(session, accepted, f"backfill {', '.join(accepted['backfills'])} is accepted", watch_it=watch_it)


def _show_preview(session: Session, found: Document) -> None:
    if session.out.as_json:
        session.out.json(found)
        return
    cost = found["usd_estimated"] is not None and f"{size(found['bytes_estimated'])} (${found['usd_estimated']:.4f})"
    session.out.line(f"{found['table']}, {found['scope_from']} to {found['scope_to']}: {found['days']:,} days.")
    session.out.lines(
        (
            ("published", f"{found['rows_published']:,} rows in {found['scopes_published']:,} scopes"),
            ("would take", f"about {span(found['seconds_estimated'])}" if found["seconds_estimated"] else "not known"),
            ("would bill", cost or "not known"),
            ("parts", found["parts"] if found["visible"] == "slice" else None),
        )
    )
    session.out.line("If all of it had to be read again; only what differs is. Nothing was begun.")


@app.command("list")
def backfills(
    context: typer.Context, table: OneTable = None, page: Page = 1, limit: PageSize = 20, json: Json = False
) -> None:
    """Backfills, newest first, and how far each is."""
    session = opened(context, json)
    document = session.api.read("/backfills", table=table, page=page, page_size=limit)
    if session.out.as_json:
        session.out.json(document)
        return
    if not document["items"]:
        known(session, table)
        session.out.line("There is nothing to show.")
    for one in document["items"]:
        _show_backfill(session, one)
    tell_more(session.out, document)


@app.command("show")
def backfill(context: typer.Context, backfill: BackfillId, json: Json = False) -> None:
    """One backfill, and how far it is.

    Exit code 1 when it was held, failed or cancelled.
    """
    session = opened(context, json)
    document = session.api.read(f"/backfills/{segment(backfill)}")
    _answer(session, document)
    if document["status"] in ("held", "failed", "cancelled"):
        raise typer.Exit(Exit.NOT_WELL)


@app.command("cancel")
def cancel_backfill(context: typer.Context, backfill: BackfillId, yes: Yes = False, json: Json = False) -> None:
    """End a backfill. What it has published stays."""
    session = opened(context, json)
    confirm(session, f"End backfill {backfill}?", yes=yes)
    _answer(session, session.api.send("POST", f"/backfills/{segment(backfill)}/cancel").document)


def _answer(session: Session, document: Document) -> None:
    if session.out.as_json:
        session.out.json(document)
    else:
        _show_backfill(session, document)


def _show_backfill(session: Session, one: Document) -> None:
    left = "" if one["seconds_left"] is None else f", about {span(one['seconds_left'])} left"
    total = "?" if one["rows_total"] is None else f"{one['rows_total']:,}"
    days = f"{one['scope_from']} to {one['scope_to']}"
    parts = f", parts {one['batches_done']:,}/{one['batches_total']:,}" if one["batches_total"] else ""
    session.out.line(state(one["status"]), f"{one['table']}, {days}: rows {one['rows_loaded']:,}/{total}{parts}{left}")
    session.out.line(f"  {one['backfill_id']}")
    session.out.line(f"  {counted(one['runs'], 'run')}, {size(one['bytes_billed'])} billed (${one['usd']:.4f})")
    if one["error"]:
        session.out.line(f"  {one['error']}")
