"""`rollback`, `publishes`, `release`, `refuse`, `costs`: what people decide about data, and what it cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import typer

from infra.cli.api import segment
from infra.cli.output import moment, size, state
from infra.cli.runs import Key, Page, PageSize, RunId, Watch, follow, run_id, tell_more
from infra.cli.session import TABLE_HELP, Json, Table, Yes, complete_table, confirm, opened

HeldRun = Annotated[str | None, typer.Option("--run", help="The run that was held; None: the table's latest.")]


def rollback(
    context: typer.Context,
    run: RunId,
    reason: Annotated[str, typer.Option(help="Why, for the trail.")],
    tables: Annotated[
        list[str] | None,
        typer.Option(
            "--table", help=f"{TABLE_HELP} May be repeated; None: all of the run.", autocompletion=complete_table
        ),
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take back what a run has published: its tables become what they were before, in one transaction.

    The same content stays held when it comes again. `publishes` lists what can be taken back.
    """
    session = opened(context, json)
    found = run_id(session, run)
    what = ", ".join(tables) if tables else "all tables"
    confirm(session, f"Take back what run {found} has published of {what}?", yes=yes)
    body: dict[str, Any] = {"reason": reason} | ({"tables": tables} if tables else {})
    document = session.api.send("POST", f"/runs/{found}/rollback", body).document
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.line("Taken back, rows that the run had written:")
    session.out.table(
        ("table", "new", "changed", "gone"),
        ((one["table"], one["rows_inserted"], one["rows_updated"], one["rows_deleted"]) for one in document["tables"]),
        right=("new", "changed", "gone"),
    )


def publishes(context: typer.Context, table: Table, page: Page = 1, limit: PageSize = 20, json: Json = False) -> None:
    """What a table was last published, newest first, and what of it can be taken back."""
    session = opened(context, json)
    document = session.api.read(f"/tables/{segment(table)}/publishes", page=page, page_size=limit)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("run", "published", "state", "new", "changed", "gone"),
        (
            (
                one["run_id"],
                moment(one["published_at"])[5:16],
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
    """Publish what was held of a table, as it was shown, by a new run. Only the checks that failed are overridden."""
    session = opened(context, json)
    confirm(session, f"Publish what was held of {table}?", yes=yes)
    body = {} if run is None else {"run_id": str(run_id(session, run))}
    headers = {"Idempotency-Key": key or str(uuid4())}
    accepted = session.api.send("POST", f"/tables/{segment(table)}/release", body, headers=headers).document
    follow(session, accepted, f"run {accepted['run_id']} publishes what was held of {table}", watch_it=watch_it)


def refuse(
    context: typer.Context,
    table: Table,
    reason: Annotated[str, typer.Option(help="What is wrong with it, for the trail.")],
    run: HeldRun = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Refuse what was held of a table: the same content stays held when it comes again, and nobody is asked."""
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


def costs(
    context: typer.Context,
    month: Annotated[str | None, typer.Option(help="YYYY-MM, in UTC. None: this month.")] = None,
    json: Json = False,
) -> None:
    """What BigQuery billed in a month, the most expensive table first."""
    session = opened(context, json)
    document = session.api.read("/costs", month=month or f"{datetime.now(UTC):%Y-%m}")
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("table", "jobs", "runs", "billed", "USD"),
        (
            (one["table"], one["jobs"], one["runs"], size(one["bytes_billed"]), f"{one['usd']:.4f}")
            for one in document["tables"]
        ),
        right=("jobs", "runs", "billed", "USD"),
    )
    session.out.line(
        f"{document['month']}: {document['jobs']:,} jobs, {size(document['bytes_billed'])}, ${document['usd']:.2f}"
    )
