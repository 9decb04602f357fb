"""`config`: how tables are refreshed, and changes of that."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.changes import check_names, parse_fields, put, show_difference, show_preview, shown
from infra.cli.documents import Document, segment
from infra.cli.editing import edit
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.output import counted, quoted, size, state
from infra.cli.session import Json, OneTable, Session, Table, Yes, confirm, opened

app = typer.Typer(no_args_is_help=True, help="How tables are refreshed, and changes of that.")

_SUGGESTED = ("slice_target_rows", "parallelism", "max_bytes_billed", "max_bytes_billed_per_day")
Preview = Annotated[bool, typer.Option("--preview", help="Show what the change would lead to, and change nothing.")]


@app.command("get")
def get(
    context: typer.Context,
    table: OneTable = None,
    json: Json = False,
) -> None:
    """How a table is refreshed, or which tables there are."""
    session = opened(context, json)
    if table is None:
        _get_all(session)
        return
    document = session.api.read(f"/config/{segment(table)}")
    if session.out.as_json:
        session.out.json(document)
    else:
        session.out.lines((name, shown(value)) for name, value in document.items())


def all_configurations(session: Session) -> Document:
    """The document of all tables, as one page."""
    document = session.api.read("/config", page_size=1)
    items = list(session.api.items("/config"))
    pagination = {"page": 1, "page_size": len(items), "total": len(items), "pages": 1}
    return document | {"items": items, "pagination": document["pagination"] | pagination}


def _get_all(session: Session) -> None:
    document = all_configurations(session)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.line(f"The daily trigger is at {document['schedule']} ({document['time_zone']}).")
    session.out.table(
        ("table", "handler", "mode", "hours", "scope", "strategy"),
        (
            (
                one["table"],
                one["handler"],
                state(one["mode"]),
                one["frequency_hours"],
                one["scope_column"],
                one["strategy"],
            )
            for one in document["items"]
        ),
        right=("hours",),
    )


@app.command("set")
def change(
    context: typer.Context,
    table: Table,
    fields: Annotated[
        list[str],
        typer.Argument(metavar="FIELD=VALUE…", help="A value is JSON, or else text: null empties a field."),
    ],
    preview: Preview = False,
    json: Json = False,
) -> None:
    """Change fields of a table's configuration.

    It is checked against the real source and target. A change that somebody else made meanwhile is not overwritten.
    """
    session = opened(context, json)
    changes = parse_fields(fields)
    path = f"/config/{segment(table)}"
    if preview:
        show_preview(session, session.api.send("POST", f"{path}/preview", changes).document)
        return
    before = session.api.get(path)
    check_names(before.document, changes)
    put(session, path, before.document, changes, etag=before.etag)


app.command("edit")(edit)


@app.command("apply")
def apply(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help='JSON: {"schema.name": {"priority": 50}, …}; - for standard input.')
    ],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Change several tables at once, all or none.

    What changes is shown before.
    """
    session = opened(context, json)
    wanted = _read(file)
    before = session.api.get("/config", page_size=1)
    tables = {one["table"]: one for one in session.api.items("/config")}
    for name, changes in wanted.items():
        if name not in tables:
            raise CommandError(Exit.NOT_FOUND, f"{name} is not registered; refreshctl tables list shows which are")
        check_names(tables[name], changes)
    differing = [name for name, changes in wanted.items() if tables[name] | changes != tables[name]]
    if not json:
        for name in differing:
            session.out.line(name)
            show_difference(session.out, tables[name], tables[name] | wanted[name])
        if not differing:
            session.out.line("Nothing was changed: the tables are configured like that.")
            return
    confirm(session, f"Change the configuration of {counted(len(differing), 'table')}?", yes=yes)
    answer = session.api.send("PUT", "/config", {"tables": wanted}, headers={"If-Match": before.etag or "*"})
    if session.out.as_json:
        session.out.json(answer.document)
        return
    if answer.note:
        session.out.line(f"Note: {answer.note}")
    session.out.line(f"{counted(len(differing), 'table')} changed.")


def _read(file: str) -> dict[str, Document]:
    try:
        document: Any = jsonlib.loads(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise usage(f"{file} cannot be read: {error}") from error
    if not isinstance(document, dict) or not all(isinstance(one, dict) for one in document.values()) or not document:
        raise usage(f'{file} has to be a JSON object of tables: {{"schema.name": {{"priority": 50}}}}')
    return document


@app.command("suggest")
def suggest(context: typer.Context, table: Table, json: Json = False) -> None:
    """Slice size, lanes, cap and budget that would suit a table.

    By its last two weeks. Nothing is changed.
    """
    session = opened(context, json)
    document = session.api.read(f"/config/{segment(table)}/suggestions")
    if session.out.as_json:
        session.out.json(document)
        return
    _show_suggestion(session, table, document)


def _show_suggestion(session: Session, table: str, document: Document) -> None:
    out, basis = session.out, document["basis"]
    if not basis["refreshes"]:
        out.line(f"{table} has not been refreshed in the last two weeks: there is nothing to judge by.")
        return
    now = session.api.read(f"/config/{segment(table)}")
    fields = [name for name in _SUGGESTED if document[name] is not None]
    out.table(
        ("field", "now", "suggested"),
        ((name, now[name], document[name]) for name in fields),
        right=("now", "suggested"),
    )
    rate = "–" if basis["rows_per_second"] is None else f"{basis['rows_per_second']:,.0f} rows a second"
    largest = "" if basis["largest_rows"] is None else f", at most {basis['largest_rows']:,} rows"
    billed = "" if basis["largest_bytes"] is None else f", at most {size(basis['largest_bytes'])} billed"
    dearest = "" if basis["largest_day_bytes"] is None else f", {size(basis['largest_day_bytes'])} on the dearest day"
    out.line(f"By {counted(basis['refreshes'], 'refresh', 'refreshes')}: {rate}{largest}{billed}{dearest}.")
    changes = " ".join(f"{name}={document[name]}" for name in fields if document[name] != now[name])
    out.line(f"Take it by: refreshctl config set {quoted(table)} {changes}" if changes else "It is so already.")
