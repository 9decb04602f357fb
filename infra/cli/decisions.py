"""`rollback`, `publishes`, `release`, `refuse`: what people decide about data."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import typer

from infra.cli.documents import Document, segment
from infra.cli.output import minute, quoted, state
from infra.cli.runs import Key, Page, PageSize, RunId, Watch, follow, run_id, tell_more
from infra.cli.session import TABLE_HELP, Json, Session, Table, Yes, complete_table, confirm, opened

HeldRun = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="The run that was held; None: the table's latest.")
]


def rollback(
    context: typer.Context,
    run: RunId,
    reason: Annotated[str, typer.Option(metavar="WHY", help="For the trail.")],
    tables: Annotated[
        list[str] | None,
        typer.Option(
            "--table",
            metavar="TABLE",
            help=f"{TABLE_HELP} May be repeated; None: all of the run.",
            autocompletion=complete_table,
        ),
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take back what a run has published.

    Its tables become what they were before, in one transaction. The same content stays held when it comes again.
    `publishes` lists what can be taken back.
    """
    session = opened(context, json)
    found = run_id(session, run)
    if not yes:
        _foretell(session, f"/runs/{found}", tables)
    what = ", ".join(tables) if tables else "all tables"
    confirm(session, f"Take back what run {found} has published of {what}?", yes=yes)
    body: dict[str, Any] = {"reason": reason} | ({"tables": tables} if tables else {})
    document = session.api.send("POST", f"/runs/{found}/rollback", body).document
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.line("Taken back. These rows had been new, changed and gone by the run:")
    _written(session, document["tables"])
    session.out.line("The same content is held when it comes again. Was it right after all? Then:")
    names = " ".join(quoted(one["table"]) for one in document["tables"])
    session.out.line(f"  refreshctl trigger {names} --force")


def _foretell(session: Session, run: str, tables: list[str] | None) -> None:
    """What a rollback would take back."""
    if session.out.as_json or not session.out.is_terminal:
        return
    found = [one for one in session.api.read(run)["tables"] if not tables or one["table"] in tables]
    session.out.line("The run has written these rows:")
    _written(session, found)


def _written(session: Session, tables: list[Document]) -> None:
    session.out.table(
        ("table", "new", "changed", "gone"),
        ((one["table"], one["rows_inserted"], one["rows_updated"], one["rows_deleted"]) for one in tables),
        right=("new", "changed", "gone"),
    )


def publishes(context: typer.Context, table: Table, page: Page = 1, limit: PageSize = 20, json: Json = False) -> None:
    """What was published of a table, and can be taken back.

    Of state `kept` it can be, by `rollback RUN --table TABLE`; `rolled_back` ones were; `expired` ones no longer can.
    """
    session = opened(context, json)
    document = session.api.read(f"/tables/{segment(table)}/publishes", page=page, page_size=limit)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("run", "published (UTC)", "state", "new", "changed", "gone"),
        (
            (
                one["run_id"],
                minute(one["published_at"])[5:],
                state(one["state"]),
                one["rows_inserted"],
                one["rows_updated"],
                one["rows_deleted"],
            )
            for one in document["items"]
        ),
        right=("new", "changed", "gone"),
    )
    tell_more(session.out, document)


def release(
    context: typer.Context,
    table: Table,
    run: HeldRun = None,
    watch_it: Watch = False,
    key: Key = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Publish what was held of a table.

    A new run publishes it, as it was shown. Only the checks that failed are overridden.
    """
    session = opened(context, json)
    confirm(session, _question(session, table, yes=yes), yes=yes)
    body = {} if run is None else {"run_id": str(run_id(session, run))}
    headers = {"Idempotency-Key": key or str(uuid4())}
    accepted = session.api.send("POST", f"/tables/{segment(table)}/release", body, headers=headers).document
    follow(session, accepted, f"run {accepted['run_id']} publishes what was held of {table}", watch_it=watch_it)


def _question(session: Session, table: str, *, yes: bool) -> str:
    """Whether to release, with why it was held where somebody reads it."""
    question = f"Publish what was held of {table}?"
    if yes or session.out.as_json or not session.out.is_terminal:
        return question
    for one in session.api.read("/status")["tables"]:
        if one["table"] == table and one["recent_error"]:
            return f"{table}: {one['last_reason']}: {one['recent_error']}\n{question}"
    return question


def refuse(
    context: typer.Context,
    table: Table,
    reason: Annotated[str, typer.Option(metavar="WHY", help="What is wrong with it, for the trail.")],
    run: HeldRun = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Refuse what was held of a table, for good.

    The same content stays held when it comes again, and nobody is asked.
    """
    session = opened(context, json)
    confirm(session, f"Refuse what was held of {table}, for good?", yes=yes)
    body = {"reason": reason} | ({} if run is None else {"run_id": str(run_id(session, run))})
    document = session.api.send("POST", f"/tables/{segment(table)}/refuse", body).document
    if session.out.as_json:
        session.out.json(document)
    else:
        session.out.line(
            f"{document['scopes']:,} scope(s) of {table} are refused; they stay held when they come again."
        )
