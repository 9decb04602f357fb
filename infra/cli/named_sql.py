"""`sql`: queries that tables take as their source."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.documents import Document, segment
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.output import minute, moment, state
from infra.cli.session import Json, Session, Yes, completing, confirm, opened

app = typer.Typer(no_args_is_help=True, help="Queries that tables take as their source, sql:NAME.")


def _complete_name(context: typer.Context, incomplete: str) -> list[str]:
    """Names that begin with what was typed; none where the API cannot be asked."""
    try:
        items = completing(context).read("/named-sql")["items"]
    except CommandError:
        return []
    return [one["name"] for one in items if one["name"].startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Lower-case letters, digits and _.", autocompletion=_complete_name),
]
File = Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="Where the query is; - for standard input.")]


@app.command("list")
def queries(context: typer.Context, json: Json = False) -> None:
    """All named SQL, and the tables that read it."""
    session = opened(context, json)
    document = session.api.read("/named-sql")
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("name", "description", "changed (UTC)", "read by"),
        (
            (one["name"], one["description"], minute(one["changed_at"]), ", ".join(one["tables"]) or None)
            for one in document["items"]
        ),
    )


@app.command("show")
def query(context: typer.Context, name: Name, json: Json = False) -> None:
    """One of them: the query, and the tables that read it."""
    session = opened(context, json)
    _answer(session, session.api.read(f"/named-sql/{segment(name)}"))


@app.command("add")
def add(
    context: typer.Context,
    name: Name,
    file: File,
    description: Annotated[str, typer.Option(metavar="TEXT", help="For people.")] = "",
    json: Json = False,
) -> None:
    """Make a new one. BigQuery checks it, at no cost.

    It reads every table FOR SYSTEM_TIME AS OF @snapshot_at, so that all of a run is of one moment.
    """
    session = opened(context, json)
    if _found(session, name):
        raise CommandError(Exit.REFUSED, f"there is a named SQL {name} already; refreshctl sql set {name} changes it")
    _put(session, name, {"sql": _read(file), "description": description})


@app.command("set")
def change(
    context: typer.Context,
    name: Name,
    file: Annotated[
        str | None, typer.Option("--file", "-f", metavar="FILE", help="Where the new query is; - for standard input.")
    ] = None,
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="Another description.")] = None,
    json: Json = False,
) -> None:
    """Change one.

    BigQuery checks it, at no cost, and with it each table that reads it.
    """
    session = opened(context, json)
    if file is None and description is None:
        raise usage("nothing to change: give --file, --description or both")
    before = session.api.read(f"/named-sql/{segment(name)}")
    sql = before["sql"] if file is None else _read(file)
    _put(session, name, {"sql": sql, "description": before["description"] if description is None else description})


@app.command("check")
def check(
    context: typer.Context,
    name: Name,
    file: Annotated[
        str | None,
        typer.Option("--file", "-f", metavar="FILE", help="Another query under this name; - for standard input."),
    ] = None,
    json: Json = False,
) -> None:
    """Whether a query works, and what it yields.

    With it each table that reads it is checked. Nothing is changed. Exit code 4 when it does not, with what to do.
    """
    session = opened(context, json)
    path = f"/named-sql/{segment(name)}"
    sql = session.api.read(path)["sql"] if file is None else _read(file)
    found = session.api.send("POST", f"{path}/check", {"sql": sql}).document
    if session.out.as_json:
        session.out.json(found)
        return
    session.out.table(("column", "type"), ((one["name"], one["type"]) for one in found["columns"]))
    readers = f", and so do the tables that read it: {', '.join(found['tables'])}" if found["tables"] else ""
    session.out.line("")
    session.out.line(state("ok"), f"{name} works{readers}.")


@app.command("remove")
def remove(context: typer.Context, name: Name, yes: Yes = False, json: Json = False) -> None:
    """Remove one that no table reads."""
    session = opened(context, json)
    confirm(session, f"Remove the named SQL {name}?", yes=yes)
    left = session.api.send("DELETE", f"/named-sql/{segment(name)}").document
    if session.out.as_json:
        session.out.json(left)
    else:
        session.out.line(f"{name} is removed.")


def _found(session: Session, name: str) -> bool:
    return any(one["name"] == name for one in session.api.read("/named-sql")["items"])


def _put(session: Session, name: str, body: dict[str, Any]) -> None:
    _answer(session, session.api.send("PUT", f"/named-sql/{segment(name)}", body).document)
    if not session.out.as_json:
        session.out.line(f"Have a table read it by: refreshctl tables add SCHEMA.NAME --source sql:{name}")


def _answer(session: Session, document: Document) -> None:
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.lines(
        (
            ("name", document["name"]),
            ("description", document["description"] or None),
            ("changed", f"{moment(document['changed_at'])} UTC"),
            ("read by", ", ".join(document["tables"]) or "no table yet"),
        )
    )
    session.out.line("")
    session.out.line(document["sql"].strip("\n"))


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise usage(f"{file} cannot be read: {error}") from error
