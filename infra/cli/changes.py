"""Changes of tables' configuration: read from the command line, shown, and made unless somebody else was quicker."""

from __future__ import annotations

import difflib
import json as jsonlib
from typing import Any

from infra.cli.documents import Document
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.output import Output
from infra.cli.session import Session

KEPT = ("table", "config_version", "created_at")
"""What the system keeps itself."""


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


def check_names(document: Document, changes: Document) -> None:
    """CommandError for fields that there are not, or that nobody sets."""
    unknown = sorted(changes.keys() - document.keys() | changes.keys() & set(KEPT))
    if unknown:
        known = [name for name in document if name not in KEPT]
        close = [like for name in unknown for like in difflib.get_close_matches(name, known, n=1)]
        meant = f" Did you mean {', '.join(close)}?" if close else ""
        raise usage(f"{', '.join(unknown)} cannot be set; fields are {', '.join(known)}.{meant}")


def put(session: Session, path: str, before: Document, changes: Document, *, etag: str | None) -> None:
    """Change a table's configuration as it was read, and show what it is now."""
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
    show_difference(session.out, before, after)
    if answer.note:
        session.out.line(f"Note: {answer.note}")
    session.out.line(f"{after['table']} has version {after['config_version']} of its configuration now.")


def show_difference(out: Output, before: Document, after: Document) -> None:
    """What differs, line by line as diff shows it."""
    for line in difference(before, after):
        out.line(line)


def difference(before: Document, after: Document) -> list[str]:
    """The same as texts; nothing where nothing differs."""
    old, new = (
        [f"{name}: {shown(value)}" for name, value in one.items() if name not in KEPT] for one in (before, after)
    )
    return [
        line for line in difflib.unified_diff(old, new, lineterm="", n=0) if not line.startswith(("---", "+++", "@"))
    ]


def show_preview(session: Session, preview: Document) -> None:
    """What the next refresh would do because of a change."""
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


def shown(value: Any) -> str:
    """A value as `set` takes it."""
    return value if isinstance(value, str) else jsonlib.dumps(value, ensure_ascii=False)
