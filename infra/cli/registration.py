"""`tables`: which are registered, and new ones."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from infra.cli.changes import parse_fields, shown
from infra.cli.configuration import all_configurations
from infra.cli.documents import Document
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.output import quoted
from infra.cli.session import Json, Session, Yes, confirm, opened, table_name

app = typer.Typer(no_args_is_help=True, help="Which tables are registered, and new ones.")
_SOURCE = re.compile(r"[^.\x00-\x1f`]+\.[^.\x00-\x1f`]+\.[^.\x00-\x1f`]+")


@app.command("list")
def names(context: typer.Context, json: Json = False) -> None:
    """The names of all tables that are registered.

    A line each; with --json their configurations.
    """
    session = opened(context, json)
    document = all_configurations(session)
    if session.out.as_json:
        session.out.json(document)
        return
    for one in document["items"]:
        session.out.line(one["table"])


def _source(text: str) -> str:
    if text.startswith("sql:") or _SOURCE.fullmatch(text):
        return text
    raise typer.BadParameter(f"{text} is neither project.dataset.table, without backticks, nor sql:NAME")


@app.command("add")
def add(
    context: typer.Context,
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="The target in Postgres, as schema.name.", callback=table_name)
    ],
    source: Annotated[
        str,
        typer.Option(
            metavar="SOURCE", help="BigQuery table or view, project.dataset.table, or sql:NAME.", callback=_source
        ),
    ],
    fields: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Another value than the suggested one; may be repeated."),
    ] = None,
    ddl_only: Annotated[bool, typer.Option("--ddl", help="Only write the CREATE TABLE that suits the source.")] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what the checks find, column by column; register nothing.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Register a table.

    Key, scope and types are suggested by the source's schema, and shown before. The target has to be there: --ddl
    writes a CREATE TABLE for it, to be run by whoever owns the schema.
    """
    session = opened(context, json)
    if ddl_only and source.startswith("sql:"):
        raise usage("--ddl is by a table's schema; refreshctl sql check NAME shows the columns that a query yields")
    suggested = _suggested(session, table, source)
    if ddl_only:
        _show_ddl(session, suggested)
        return
    registration = suggested["registration"] | parse_fields(fields or [])
    if preview:
        _show_preview(session, session.api.send("POST", "/registration-preview", registration).document)
        return
    if not session.out.as_json:
        session.out.lines((name, shown(value)) for name, value in registration.items())
        for note in suggested["notes"]:
            session.out.line(f"Note: {note}")
    confirm(session, f"Register {table}?", yes=yes)
    try:
        made = session.api.send("POST", "/config", registration)
    except CommandError as error:
        if error.code is not Exit.NOT_FOUND:
            raise
        detail = f"{table} does not exist in Postgres yet. Create it, and register it again"
        ddl = f", for example by this:\n\n{suggested['ddl']}" if suggested["ddl"] else "."
        raise CommandError(Exit.NOT_FOUND, detail + ddl, problem=error.problem) from error
    if session.out.as_json:
        session.out.json(made.document)
    else:
        if made.note:
            session.out.line(f"Note: {made.note}")
        session.out.line(f"{table} is registered; refresh it now by: refreshctl trigger {quoted(table)} --watch")


def _show_preview(session: Session, found: Document) -> None:
    if session.out.as_json:
        session.out.json(found)
        return
    names = ("source", "source_type", "name", "type")
    if found["columns"]:
        session.out.table(
            ("source column", "type", "table's column", "its type"),
            ([one[name] for name in names] for one in found["columns"]),
        )
    session.out.lines(
        (
            ("key", ", ".join(found["key_columns"]) or "none: equal rows are kept as often as they come"),
            ("left out", ", ".join(found["ignored_columns"]) or None),
            ("fed by nothing", ", ".join(found["unfed_columns"]) or None),
            ("the table", "is empty" if found["target_is_empty"] else "has rows, which become those of its source"),
            ("not checked", found["note"]),
        )
    )
    session.out.line("Nothing was registered.")


def _suggested(session: Session, table: str, source: str) -> Document:
    """What the source suggests. A named SQL suggests nothing: the target's own key is taken."""
    if source.startswith("sql:"):
        name = source.removeprefix("sql:")
        note = f"refreshctl sql check {name} shows the columns that it yields; say by --set which divides the table."
        return {"registration": {"table": table, "source": source}, "ddl": "", "notes": [note]}
    return session.api.read("/registration-suggestion", source=source, table=table)


def _show_ddl(session: Session, suggested: Document) -> None:
    if session.out.as_json:
        session.out.json(suggested)
    else:
        typer.echo(suggested["ddl"], nl=False)
