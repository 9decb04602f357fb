"""`tables`: which are registered, and new ones."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.api import Document
from infra.cli.configuration import parse_fields
from infra.cli.errors import CommandError, Exit
from infra.cli.session import Json, Session, Yes, confirm, opened

app = typer.Typer(no_args_is_help=True, help="Which tables are registered, and new ones.")


@app.command("list")
def names(context: typer.Context, json: Json = False) -> None:
    """The names of all tables that are registered, a line each."""
    session = opened(context, json)
    found = [one["table"] for one in session.api.items("/config")]
    if session.out.as_json:
        session.out.json(found)
    else:
        for name in found:
            session.out.line(name)


@app.command("add")
def add(
    context: typer.Context,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The target in Postgres, as schema.name.")],
    source: Annotated[str, typer.Option(help="BigQuery table or view, project.dataset.table.")],
    fields: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Another value than the suggested one; may be repeated."),
    ] = None,
    ddl_only: Annotated[bool, typer.Option("--ddl", help="Only write the CREATE TABLE that suits the source.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Register a table. Key, scope and types are suggested by the source's schema, and shown before.

    The target has to be there: --ddl writes a CREATE TABLE for it, to be run by whoever owns the schema.
    """
    session = opened(context, json)
    suggested = session.api.read("/registration-suggestion", source=source, table=table)
    if ddl_only:
        _show_ddl(session, suggested)
        return
    registration = suggested["registration"] | parse_fields(fields or [])
    if not session.out.as_json:
        session.out.lines((name, value) for name, value in registration.items())
        for note in suggested["notes"]:
            session.out.line(f"Note: {note}")
    confirm(session, f"Register {table}?", yes=yes)
    try:
        made = session.api.send("POST", "/config", registration)
    except CommandError as error:
        if error.code is not Exit.NOT_FOUND:
            raise
        detail = f"{table} does not exist in Postgres yet. Create it, for example by this, and register it again:"
        raise CommandError(Exit.NOT_FOUND, f"{detail}\n\n{suggested['ddl']}", problem=error.problem) from error
    if session.out.as_json:
        session.out.json(made.document)
    else:
        if made.note:
            session.out.line(f"Note: {made.note}")
        session.out.line(f"{table} is registered; refresh it now by: refreshctl trigger {table} --watch")


def _show_ddl(session: Session, suggested: Document) -> None:
    if session.out.as_json:
        session.out.json(suggested)
    else:
        typer.echo(suggested["ddl"], nl=False)
