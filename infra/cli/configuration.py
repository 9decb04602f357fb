"""`config`: how tables are refreshed, and changes of that."""

from __future__ import annotations

import difflib
import json as jsonlib
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli.api import Document, segment
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.output import Output, size, state
from infra.cli.session import TABLE_HELP, Json, Session, Table, Yes, complete_table, confirm, opened

app = typer.Typer(no_args_is_help=True, help="How tables are refreshed, and changes of that.")

KEPT = ("table", "config_version", "created_at")
"""What the system keeps itself."""
Preview = Annotated[bool, typer.Option("--preview", help="Show what the change would lead to, and change nothing.")]


@app.command("get")
def get(
    context: typer.Context,
    table: Annotated[str | None, typer.Argument(help=f"{TABLE_HELP} None: all.", autocompletion=complete_table)] = None,
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
        session.out.lines((name, _shown(value)) for name, value in document.items())


def _get_all(session: Session) -> None:
    head = session.api.read("/config", page_size=1)
    items = list(session.api.items("/config"))
    if session.out.as_json:
        session.out.json({"schedule": head["schedule"], "time_zone": head["time_zone"], "items": items})
        return
    session.out.line(f"The daily trigger is at {head['schedule']} {head['time_zone']}.")
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
            for one in items
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
    """Change fields of a table's configuration. It is checked against the real source and target."""
    session = opened(context, json)
    changes = parse_fields(fields)
    path = f"/config/{segment(table)}"
    if preview:
        _show_preview(session, session.api.send("POST", f"{path}/preview", changes).document)
        return
    before = session.api.get(path)
    _check_names(before.document, changes)
    _put(session, path, before.document, changes, etag=before.etag)


@app.command("edit")
def edit(context: typer.Context, table: Table, yes: Yes = False, json: Json = False) -> None:
    """Change a table's configuration in $VISUAL or $EDITOR; the change is shown before it is made."""
    session = opened(context, json)
    path = f"/config/{segment(table)}"
    before = session.api.get(path)
    editable = {name: value for name, value in before.document.items() if name not in KEPT}
    file = _draft(table, editable)
    _open_editor(file)
    changes = _edited(file, editable)
    if not changes:
        file.unlink()
        _say(session, before.document, "Nothing was changed.")
        return
    try:
        if not session.out.as_json:
            _show_difference(session.out, editable, editable | changes)
            _show_preview(session, session.api.send("POST", f"{path}/preview", changes).document)
        confirm(session, f"Change the configuration of {table}?", yes=yes)
        _put(session, path, before.document, changes, etag=before.etag)
    except CommandError as error:
        raise CommandError(error.code, f"{error}\nWhat you wrote is in {file}", problem=error.problem) from error
    file.unlink()


@app.command("suggest")
def suggest(context: typer.Context, table: Table, json: Json = False) -> None:
    """Slice size, lanes, cap and budget that would suit a table, by its last two weeks. Nothing is changed."""
    session = opened(context, json)
    document = session.api.read(f"/config/{segment(table)}/suggestions")
    if session.out.as_json:
        session.out.json(document)
        return
    basis = document["basis"]
    session.out.lines(
        (
            ("slice_target_rows", document["slice_target_rows"]),
            ("parallelism", document["parallelism"]),
            ("max_bytes_billed", document["max_bytes_billed"]),
            ("max_bytes_billed_per_day", document["max_bytes_billed_per_day"]),
            ("refreshes seen", basis["refreshes"]),
            ("rows a second", basis["rows_per_second"]),
            ("largest refresh", basis["largest_rows"] and f"{basis['largest_rows']:,} rows"),
            ("largest bill", size(basis["largest_bytes"])),
            ("dearest day", size(basis["largest_day_bytes"])),
        )
    )


def parse_fields(fields: list[str]) -> Document:
    """`name=value` as a JSON object. A value that is no JSON is text."""
    parsed: Document = {}
    for field in fields:
        name, sign, text = field.partition("=")
        if not sign or not name:
            raise usage(f"{field} is no FIELD=VALUE")
        if name in parsed:
            raise usage(f"{name} is given twice")
        try:
            parsed[name] = jsonlib.loads(text)
        except ValueError:
            parsed[name] = text
    return parsed


def _check_names(document: Document, changes: Document) -> None:
    unknown = sorted(changes.keys() - document.keys() | changes.keys() & set(KEPT))
    if unknown:
        known = ", ".join(name for name in document if name not in KEPT)
        raise usage(f"{', '.join(unknown)} cannot be set; fields are {known}")


def _put(session: Session, path: str, before: Document, changes: Document, *, etag: str | None) -> None:
    try:
        answer = session.api.send("PUT", path, changes, headers={"If-Match": etag or "*"})
    except CommandError as error:
        if error.code is not Exit.CHANGED:
            raise
        now = session.api.read(path)
        theirs = [name for name, value in now.items() if name not in KEPT and before.get(name) != value]
        raise CommandError(
            Exit.CHANGED,
            f"{before['table']} was changed by somebody else meanwhile ({', '.join(theirs) or 'and back'}); "
            "nothing of yours was written. Look at it and do it again",
            problem=error.problem,
        ) from error
    after = answer.document
    if session.out.as_json:
        session.out.json(after)
        return
    _show_difference(session.out, before, after)
    if answer.note:
        session.out.line(f"Note: {answer.note}")
    session.out.line(f"{after['table']} has version {after['config_version']} of its configuration now.")


def _show_difference(out: Output, before: Document, after: Document) -> None:
    for line in difference(before, after):
        out.line(line)


def difference(before: Document, after: Document) -> list[str]:
    """What differs, line by line as diff shows it."""
    old, new = (
        [f"{name}: {_shown(value)}" for name, value in one.items() if name not in KEPT] for one in (before, after)
    )
    return [
        line for line in difflib.unified_diff(old, new, lineterm="", n=0) if not line.startswith(("---", "+++", "@"))
    ]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else jsonlib.dumps(value, ensure_ascii=False)


def _show_preview(session: Session, preview: Document) -> None:
    out = session.out
    if out.as_json:
        out.json(preview)
        return
    if preview["scopes_read_anew"] is not None:
        out.line(
            f"Read anew would be {preview['rows_read_anew']:,} of {preview['rows_published']:,} published "
            f"rows, as {preview['scopes_read_anew']:,} scopes in {preview['slices']:,} slices."
        )
    else:
        out.line("What is read anew is known only when its worker next plans.")
    if preview["ignored_columns"]:
        out.line(f"Source columns that no target column takes: {', '.join(preview['ignored_columns'])}")


def _say(session: Session, document: Document, text: str) -> None:
    if session.out.as_json:
        session.out.json(document)
    else:
        session.out.line(text)


def _draft(table: str, editable: Document) -> Path:
    handle, name = tempfile.mkstemp(prefix=f"{table}.", suffix=".json", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(jsonlib.dumps(editable, indent=2, ensure_ascii=False) + "\n")
    return Path(name)


def _open_editor(file: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        code = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode
    except OSError as error:
        file.unlink()
        raise usage(f"the editor {editor} cannot be started ({error}); set EDITOR") from error
    if code != 0:
        file.unlink()
        raise usage(f"the editor {editor} ended with code {code}; nothing was changed")


def _edited(file: Path, before: Document) -> Document:
    """The fields that were changed in the file."""
    try:
        after = jsonlib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise usage(f"what you wrote is no JSON ({error}); it is in {file}") from error
    if not isinstance(after, dict) or after.keys() - before.keys():
        wrong = ", ".join(sorted(after.keys() - before.keys())) if isinstance(after, dict) else "the whole"
        raise usage(f"{wrong}: not a field of the configuration. What you wrote is in {file}")
    return {name: value for name, value in after.items() if before[name] != value}
