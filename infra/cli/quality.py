"""`verify`, `quality` and `plan`: whether tables hold what their sources have, and what a refresh would do."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from infra.cli.documents import Document
from infra.cli.errors import Exit
from infra.cli.output import Output, minute, moment, quoted, size, state
from infra.cli.runs import Key, OfRun, RunId, known_run, run_id
from infra.cli.session import Json, OneTable, Tables, known, opened
from infra.cli.watch import watch

NoWait = Annotated[bool, typer.Option("--no-wait", help="Only ask for it; the answer names the run.")]
_NOT_COMPARABLE = "not_comparable"


def verify(
    context: typer.Context, tables: Tables = None, no_wait: NoWait = False, key: Key = None, json: Json = False
) -> None:
    """Compare tables with their sources, per scope and column.

    At the snapshot of their last refresh. Workers do it, in a run of its own, and change nothing. Each source is
    scanned once. Exit code 1 when something is
    not equal, or could not be verified.
    """
    session = opened(context, json)
    body: dict[str, Any] = {"tables": tables} if tables else {}
    headers = {"Idempotency-Key": key or str(uuid4())}
    accepted = session.api.send("POST", "/verify", body, headers=headers).document
    out = session.out
    if no_wait:
        if out.as_json:
            out.json(accepted)
        else:
            out.line(f"Run {accepted['run_id']} verifies; see it by: refreshctl run {accepted['run_id']} --watch")
        return
    document = watch(session, UUID(accepted["run_id"]))
    if out.as_json:
        out.json(document)
    else:
        for one in document["tables"]:
            _show_verdict(out, one)
    if not all(_is_well(one) for one in document["tables"]):
        raise typer.Exit(Exit.NOT_WELL)


def _is_well(table: Document) -> bool:
    return bool(table["status"] == "success" or table["reason"] == _NOT_COMPARABLE)


def _show_verdict(out: Output, table: Document) -> None:
    found = table["details"].get("verified")
    if found is None:
        out.line(state(table["status"]), f"{table['table']}: {table['error'] or table['reason']}")
        return
    left_out = f", {found['scopes_left_out']:,} left out" if found["scopes_left_out"] else ""
    compared = f"{found['rows']:,} rows in {found['scopes']:,} scopes as of {moment(found['snapshot_at'])}{left_out}"
    verdict = state("ok") if table["status"] == "success" else state("failed")
    out.line(verdict, f"{table['table']}: {'equal' if table['status'] == 'success' else 'NOT EQUAL'}, {compared}")
    for one in found["differences"]:
        columns = f", differing in {', '.join(one['columns'])}" if one["columns"] else ""
        scope = "all rows" if one["scope"] is None else one["scope"]
        out.line(f"  {scope}: source {one['source_rows']:,} rows, table {one['target_rows']:,}{columns}")
    if table["status"] != "success":
        name = quoted(table["table"])
        out.line(f"  → refreshctl trigger {name} --force --watch, then: refreshctl verify {name}")


def quality(
    context: typer.Context,
    table: OneTable = None,
    run: OfRun = None,
    metric: Annotated[str | None, typer.Option(metavar="CHECK", help="Only this, such as verified_table.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what was not passed.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Entries of a page.")] = 20,
    cursor: Annotated[str | None, typer.Option(metavar="CURSOR", help="next_cursor of the page before.")] = None,
    json: Json = False,
) -> None:
    """Outcomes of checks, newest first.

    Of verifications, gates, and the data's own checks.
    """
    session = opened(context, json)
    which = {"table": table, "run_id": known_run(session, run), "metric": metric, "passed": "false" if failed else None}
    document = session.api.read("/quality", limit=limit, cursor=cursor, **which)
    if not document["items"]:
        known(session, table)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("checked (UTC)", "table", "scope", "check", "value", "passed"),
        (
            (
                minute(one["checked_at"])[5:],
                one["table"],
                one["scope"],
                one["metric"],
                None if one["value"] is None else f"{one['value']:g}",
                state("ok" if one["passed"] else "failed"),
            )
            for one in document["items"]
        ),
        right=("value",),
    )
    if document["next_cursor"]:
        session.out.line(f"There are more: --cursor {document['next_cursor']}")


def plan(
    context: typer.Context,
    tables: Tables = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Load and compare the rows too (a dry run): what would be written, exactly.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="As if every scope had changed.")] = False,
    no_wait: NoWait = False,
    key: Key = None,
    json: Json = False,
) -> None:
    """What a refresh would do: scopes, rows, bytes and cost. Nothing is published.

    Exit code 1 when a refresh of a table would not end well, as far as this can tell.
    """
    session = opened(context, json)
    body: dict[str, Any] = {"mode": "dry_run" if rows else "plan", "force": force}
    body |= {"tables": tables} if tables else {}
    headers = {"Idempotency-Key": key or str(uuid4())}
    accepted = session.api.send("POST", "/plan", body, headers=headers).document
    if no_wait:
        if session.out.as_json:
            session.out.json(accepted)
        else:
            session.out.line(
                f"Run {accepted['run_id']} finds it out; see it by: refreshctl report {accepted['run_id']}"
            )
        return
    watch(session, UUID(accepted["run_id"]))
    _report(session.out, session.api.read(f"/runs/{accepted['run_id']}/dry-run-report"))


def report(context: typer.Context, run: RunId, json: Json = False) -> None:
    """What a plan or a dry run has found."""
    session = opened(context, json)
    _report(session.out, session.api.read(f"/runs/{run_id(session, run)}/dry-run-report"))


def _report(out: Output, document: Document) -> None:
    if out.as_json:
        out.json(document)
    else:
        _show_report(out, document)
    if any(one["status"] in ("failed", "held", "skipped") for one in document["tables"]):
        raise typer.Exit(Exit.NOT_WELL)


def _show_report(out: Output, document: Document) -> None:
    out.table(
        ("table", "would be", "due", "scopes", "rows", "new", "changed", "gone", "would cost"),
        (
            (
                one["table"],
                state(one["status"]),
                one["due"],
                sum(one["scopes_by_action"].values()),
                one["rows_to_read"],
                one["rows_inserted"],
                one["rows_updated"],
                one["rows_deleted"],
                None if one["usd_estimated"] is None else f"${one['usd_estimated']:.4f}",
            )
            for one in document["tables"]
        ),
        right=("scopes", "rows", "new", "changed", "gone", "would cost"),
    )
    for one in document["tables"]:
        if one["reason"]:
            out.line(f"{one['table']}: {one['reason']}" + (f": {one['error']}" if one["error"] else ""))
    billed = size(document["cost"]["bytes_billed"])
    complete = "" if document["complete"] else " It is not complete yet."
    out.line(f"Finding it out has billed {billed}. Nothing was published.{complete}")
