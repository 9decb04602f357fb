"""`dead-letters` and `audit`: what was given up, and what happened."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated, Any

import typer

from infra.cli.documents import Document
from infra.cli.layout import tame
from infra.cli.output import Output, moment
from infra.cli.runs import OfRun, Since, Until, known_run
from infra.cli.session import Json, OneTable, known, opened

app = typer.Typer(no_args_is_help=True, help="Messages that nobody could handle.")

_BRIEF = 80
_ROWS = (("rows_inserted", "new"), ("rows_updated", "changed"), ("rows_deleted", "gone"), ("rows_read", "read"))

Limit = Annotated[int, typer.Option(min=1, max=100, help="Entries of a page.")]
Cursor = Annotated[str | None, typer.Option(metavar="CURSOR", help="next_cursor of the page before.")]


@app.command("list")
def dead_letters(context: typer.Context, limit: Limit = 20, cursor: Cursor = None, json: Json = False) -> None:
    """Messages that were given up, with their reasons."""
    session = opened(context, json)
    document = session.api.read("/dead-letters", limit=limit, cursor=cursor)
    if session.out.as_json:
        session.out.json(document)
        return
    if not document["items"]:
        session.out.line("There is nothing to show.")
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
    """Send a message again, as it first was.

    What its task no longer needs does nothing.
    """
    session = opened(context, json)
    document = session.api.send("POST", f"/dead-letters/{letter}/send").document
    if session.out.as_json:
        session.out.json(document)
    else:
        session.out.line(f"Dead letter {letter} is on its way again.")


def audit(
    context: typer.Context,
    table: OneTable = None,
    run: OfRun = None,
    event: Annotated[
        str | None, typer.Option(metavar="EVENT", help="Only these, such as config_changed or task_failed.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="WHO", help="Only what this person or account did.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    json: Json = False,
) -> None:
    """What happened, newest first, and who did it."""
    session = opened(context, json)
    which = {"table": table, "run_id": known_run(session, run), "event": event, "by": by, "from_": since, "to": until}
    document = session.api.read("/audit", limit=limit, cursor=cursor, **which)
    if not document["items"]:
        known(session, table)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("at (UTC)", "event", "table", "by", "what"),
        ((moment(one["at"]), one["event"], one["table"], one["by"], _what(one)) for one in document["items"]),
        spare=("what", "by"),
    )
    _tell_cursor(session.out, document["next_cursor"])


def _what(entry: Document) -> str | None:
    """What an entry says beside its event, in few words."""
    if entry["error"]:
        return tame(entry["error"])[:_BRIEF]
    details = entry["details"]
    said = [f"{entry[name]:,} {word}" for name, word in _ROWS if entry[name]]
    said += [f"{name}: {_brief(one['old'])} → {_brief(one['new'])}" for name, one in details.get("changed", {}).items()]
    said += [str(details["reason"])] if details.get("reason") else []
    return tame(", ".join(said))[:_BRIEF] or None


def _brief(value: Any) -> str:
    return value if isinstance(value, str) else jsonlib.dumps(value, ensure_ascii=False)


def _tell_cursor(out: Output, cursor: str | int | None) -> None:
    if cursor is not None:
        out.line(f"There are more: --cursor {cursor}")
