"""`trigger`, `runs`, `run`, `history`, `replay`: what is refreshed, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from infra.cli.api import Document
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.output import Output, moment, size, span, state
from infra.cli.session import TABLE_HELP, Json, Session, Tables, complete_table, opened
from infra.cli.watch import watch

RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or `last` for the newest.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show how far it is, until it has ended.")]
Key = Annotated[
    str | None, typer.Option(help="Idempotency key: the same call again with the same key makes no second run.")
]
Page = Annotated[int, typer.Option(min=1, help="From 1, newest first.")]
PageSize = Annotated[int, typer.Option("--limit", min=1, max=100, help="Entries of a page.")]


def trigger(
    context: typer.Context,
    tables: Tables = None,
    force: Annotated[bool, typer.Option(help="Read and compare everything anew, however lately it was.")] = False,
    mode: Annotated[
        str | None, typer.Option(help="How far to go: live, shadow or dry_run. None: as each table is registered.")
    ] = None,
    watch_it: Watch = False,
    key: Key = None,
    json: Json = False,
) -> None:
    """Refresh tables now, all live ones unless some are named.

    With --watch, exit code 1 when the run does not end as a success.
    """
    session = opened(context, json)
    body: dict[str, Any] = {"force": force}
    body |= ({"tables": tables} if tables else {}) | ({"mode": mode} if mode else {})
    accepted = session.api.send("POST", "/trigger", body, headers={"Idempotency-Key": key or str(uuid4())}).document
    follow(session, accepted, f"run {accepted['run_id']} is accepted", watch_it=watch_it)


def replay(context: typer.Context, run: RunId, watch_it: Watch = False, key: Key = None, json: Json = False) -> None:
    """Do again, in a new run, the tables of a run that failed, were held or skipped."""
    session = opened(context, json)
    path = f"/runs/{run_id(session, run)}/replay"
    accepted = session.api.send("POST", path, headers={"Idempotency-Key": key or str(uuid4())}).document
    what = f"run {accepted['run_id']} does {', '.join(accepted['tables'])} again"
    follow(session, accepted, f"{what}, at the {accepted['snapshot']} snapshot: {accepted['why']}", watch_it=watch_it)


def follow(session: Session, accepted: Document, said: str, *, watch_it: bool) -> None:
    """Tell that a run was made; with `watch_it` show it until its end, and end with its outcome."""
    out = session.out
    if not watch_it:
        if out.as_json:
            out.json(accepted)
        else:
            out.line(f"{said}.")
            out.line(f"See it by: refreshctl run {accepted['run_id']} --watch")
        return
    if not out.as_json:
        out.line(f"{said}.")
    _end_with(session, watch(session, UUID(accepted["run_id"])))


def run(context: typer.Context, run: RunId, watch_it: Watch = False, json: Json = False) -> None:
    """One run: its tables, their slices, what it cost. Exit code 1 when it did not end as a success."""
    session = opened(context, json)
    found = run_id(session, run)
    document = watch(session, found) if watch_it else session.api.read(f"/runs/{found}")
    _end_with(session, document)


def _end_with(session: Session, document: Document) -> None:
    if session.out.as_json:
        session.out.json(document)
    else:
        show_run(session.out, document)
    if document["status"] not in ("success", "running"):
        raise typer.Exit(Exit.NOT_WELL)


def show_run(out: Output, document: Document) -> None:
    """A run for people."""
    out.lines(
        (
            ("run", document["run_id"]),
            ("status", state(document["status"])),
            ("asked for by", f"{document['requested_by']} ({document['trigger']})"),
            ("replay of", document["replay_of"]),
            ("snapshot", moment(document["snapshot_at"])),
            ("began", moment(document["created_at"])),
            ("took", span(document["duration_ms"] / 1000)),
            ("billed", f"{size(document['cost']['bytes_billed'])} (${document['cost']['usd']:.4f})"),
        )
    )
    if document["tables"]:
        out.line("")
        out.table(
            ("table", "status", "read", "new", "changed", "gone", "took"),
            (
                (
                    one["table"],
                    state(one["status"]),
                    one["rows_read"],
                    one["rows_inserted"],
                    one["rows_updated"],
                    one["rows_deleted"],
                    span(one["duration_ms"] / 1000) if one["duration_ms"] is not None else None,
                )
                for one in document["tables"]
            ),
            right=("read", "new", "changed", "gone", "took"),
        )
    for one in document["tables"]:
        if one["reason"]:
            out.line(f"{one['table']}: {one['reason']}" + (f": {one['error']}" if one["error"] else ""))


def runs(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only these: running, success, warning or failed.")] = None,
    page: Page = 1,
    limit: PageSize = 20,
    json: Json = False,
) -> None:
    """Runs, newest first."""
    session = opened(context, json)
    document = session.api.read("/runs", status=status, page=page, page_size=limit)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("run", "status", "trigger", "began", "tables"),
        (
            (
                one["run_id"],
                state(one["status"]),
                one["trigger"],
                moment(one["created_at"])[5:16],
                sum(one["tables_by_status"].values()),
            )
            for one in document["items"]
        ),
        right=("tables",),
    )
    tell_more(session.out, document)


def history(
    context: typer.Context,
    table: Annotated[str | None, typer.Argument(help=f"{TABLE_HELP} None: all.", autocompletion=complete_table)] = None,
    status: Annotated[str | None, typer.Option(help="Only these: success, no_new_data, held, failed …")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Ended at or after, as 2026-01-31T06:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Ended before.")] = None,
    page: Page = 1,
    limit: PageSize = 20,
    json: Json = False,
) -> None:
    """Refreshes of tables that have ended, newest first."""
    session = opened(context, json)
    span_of = {"from_": since, "to": until}
    document = session.api.read("/history", table=table, status=status, page=page, page_size=limit, **span_of)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("table", "status", "ended", "took", "read", "new", "changed", "gone"),
        (
            (
                one["table"],
                state(one["status"]),
                moment(one["finished_at"])[5:16],
                span(one["duration_ms"] / 1000) if one["duration_ms"] is not None else None,
                one["rows_read"],
                one["rows_inserted"],
                one["rows_updated"],
                one["rows_deleted"],
            )
            for one in document["items"]
        ),
        right=("took", "read", "new", "changed", "gone"),
    )
    tell_more(session.out, document)


def tell_more(out: Output, document: Document) -> None:
    """That there are further pages."""
    pagination = document["pagination"]
    if pagination["page"] < pagination["pages"]:
        out.line(f"Page {pagination['page']} of {pagination['pages']}; the next: --page {pagination['page'] + 1}")


def run_id(session: Session, text: str) -> UUID:
    """The id that the caller means."""
    if text == "last":
        items = session.api.read("/runs", page_size=1)["items"]
        if not items:
            raise CommandError(Exit.NOT_FOUND, "there has been no run yet")
        return UUID(items[0]["run_id"])
    try:
        return UUID(text)
    except ValueError as error:
        raise usage(f"{text} is no run's id: refreshctl runs lists them; `last` is the newest") from error
