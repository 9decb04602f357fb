"""`dead-letters` and `audit`: what was given up, and what happened."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.output import Output, moment
from infra.cli.session import Json, complete_table, opened

app = typer.Typer(no_args_is_help=True, help="Messages that nobody could handle.")

Limit = Annotated[int, typer.Option(min=1, max=100, help="Entries of a page.")]
Cursor = Annotated[str | None, typer.Option(help="next_cursor of the page before.")]


@app.command("list")
def dead_letters(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """Messages that were given up, each with its reason, newest first."""
    session = opened(context, json)
    document = session.api.read("/dead-letters", limit=limit, cursor=cursor)
    if session.out.as_json:
        session.out.json(document)
        return
    for one in document["items"]:
        sent = f", sent again {moment(one['replayed_at'])}" if one["replayed_at"] else ""
        session.out.line(f"{one['dead_letter_id']}  {moment(one['received_at'])}  {one['topic']}{sent}")
        session.out.line(f"  {one['reason']}")
        session.out.line(f"  {one['payload']}")
    _tell_cursor(session.out, document["next_cursor"])


@app.command("send")
def send(
    context: typer.Context,
    letter: Annotated[int, typer.Argument(metavar="DEAD_LETTER", help="Its number.", min=1)],
    json: Json = False,
) -> None:
    """Send a message again, as it first was. What its task no longer needs does nothing."""
    session = opened(context, json)
    document = session.api.send("POST", f"/dead-letters/{letter}/send").document
    if session.out.as_json:
        session.out.json(document)
    else:
        session.out.line(f"Dead letter {letter} is on its way again.")


def audit(
    context: typer.Context,
    table: Annotated[str | None, typer.Option(help="Only of this table.", autocompletion=complete_table)] = None,
    run: Annotated[str | None, typer.Option(help="Only of this run.")] = None,
    event: Annotated[str | None, typer.Option(help="Only these, such as config_changed or task_failed.")] = None,
    by: Annotated[str | None, typer.Option(help="Only what this person or account did.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """What happened, newest first: every move of runs and tables, every change and who made it."""
    session = opened(context, json)
    document = session.api.read("/audit", table=table, run_id=run, event=event, by=by, limit=limit, cursor=cursor)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("at", "event", "table", "by"),
        ((moment(one["at"]), one["event"], one["table"], one["by"]) for one in document["items"]),
    )
    _tell_cursor(session.out, document["next_cursor"])


def _tell_cursor(out: Output, cursor: str | int | None) -> None:
    if cursor is not None:
        out.line(f"There are more: --cursor {cursor}")
