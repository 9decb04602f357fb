"""`config edit`: a table's configuration in an editor."""

from __future__ import annotations

import json as jsonlib
import os
import re
import shlex
import subprocess
import tempfile
from http import HTTPStatus
from pathlib import Path
from typing import Any

import typer

from infra.cli.changes import KEPT, put, show_difference, show_preview
from infra.cli.documents import Document, segment
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.session import Declined, Json, Session, Table, Yes, agreed, can_ask, confirm, opened

_MENDABLE = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)
"""Answers of the API to what does not fit."""


def edit(context: typer.Context, table: Table, yes: Yes = False, json: Json = False) -> None:
    """Change a table's configuration in $VISUAL or $EDITOR.

    The change is shown before it is made. What cannot be is told, and can be edited again. A draft that came to
    nothing is kept, and said where.
    """
    session = opened(context, json)
    before = session.api.get(f"/config/{segment(table)}")
    editable = {name: value for name, value in before.document.items() if name not in KEPT}
    file = _draft(table, editable)
    while True:
        _open_editor(file)
        try:
            changes = _edited(file, editable)
            if changes:
                _make(session, before.document, changes, etag=before.etag, yes=yes)
            break
        except CommandError as error:
            if not _again(session, error):
                raise CommandError(
                    error.code, f"{error}\nWhat you wrote is in {file}", problem=error.problem
                ) from error
    file.unlink()
    if not changes:
        _tell_that_nothing_was_changed(session, before.document)


def _make(session: Session, before: Document, changes: Document, *, etag: str | None, yes: bool) -> None:
    path = f"/config/{segment(before['table'])}"
    if not session.out.as_json:
        show_difference(session.out, before, before | changes)
        show_preview(session, session.api.send("POST", f"{path}/preview", changes).document)
    confirm(session, f"Change the configuration of {before['table']}?", yes=yes)
    put(session, path, before, changes, etag=etag)


def _again(session: Session, error: CommandError) -> bool:
    """Whether somebody wants to mend what could not be."""
    mendable = error.code is Exit.USAGE or error.problem.get("status") in _MENDABLE
    if not mendable or isinstance(error, Declined) or not can_ask(session):
        return False
    session.out.line(f"refreshctl: {error}")
    return agreed("Edit it again?")


def _tell_that_nothing_was_changed(session: Session, document: Document) -> None:
    if session.out.as_json:
        session.out.json(document)
    else:
        session.out.line("Nothing was changed.")


def _draft(table: str, editable: Document) -> Path:
    prefix = re.sub(r"[^\w.-]", "_", table)
    handle, name = tempfile.mkstemp(prefix=f"{prefix}.", suffix=".json", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(jsonlib.dumps(editable, indent=2, ensure_ascii=False) + "\n")
    return Path(name)


def _open_editor(file: Path) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        code = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode
    except (OSError, ValueError) as error:
        file.unlink()
        raise usage(f"the editor {editor} cannot be started ({error}); set EDITOR") from error
    if code != 0:
        file.unlink()
        raise usage(f"the editor {editor} ended with code {code}; nothing was changed")


def _edited(file: Path, before: Document) -> Document:
    """The fields that were changed in the file."""
    try:
        after: Any = jsonlib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise usage(f"what you wrote is no JSON ({error})") from error
    if not isinstance(after, dict):
        raise usage("what you wrote is no JSON object with the fields of the configuration")
    unknown = sorted(after.keys() - before.keys())
    if unknown:
        raise usage(f"{', '.join(unknown)}: not a field of the configuration")
    return {name: value for name, value in after.items() if before[name] != value}
