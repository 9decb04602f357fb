"""`quarantine`: source rows that a target could not hold."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import uuid4

import typer

from infra.cli.documents import segment
from infra.cli.output import minute
from infra.cli.runs import Key, OfRun, Page, PageSize, Watch, follow, known_run, tell_more
from infra.cli.session import Json, OneTable, Table, known, opened

app = typer.Typer(no_args_is_help=True, help="Source rows that a target could not hold.")


@app.command("list")
def quarantine(
    context: typer.Context,
    table: OneTable = None,
    run: OfRun = None,
    reason: Annotated[str | None, typer.Option(metavar="REASON", help="Only these, such as too_long.")] = None,
    status: Annotated[Literal["open", "resolved"] | None, typer.Option("--state", help="Only these.")] = None,
    page: Page = 1,
    limit: PageSize = 20,
    json: Json = False,
) -> None:
    """Source rows that a target could not hold, newest first."""
    session = opened(context, json)
    which = {"table": table, "run_id": known_run(session, run), "reason": reason, "state": status}
    document = session.api.read("/quarantine", page=page, page_size=limit, **which)
    if not document["items"]:
        known(session, table)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("put aside (UTC)", "table", "scope", "reason", "column", "resolved"),
        (
            (
                minute(one["quarantined_at"])[5:],
                one["table"],
                one["scope"],
                one["reason"],
                one["column"],
                one["resolved_at"] is not None,
            )
            for one in document["items"]
        ),
    )
    tell_more(session.out, document)


@app.command("replay")
def replay_quarantine(
    context: typer.Context, table: Table, watch_it: Watch = False, key: Key = None, json: Json = False
) -> None:
    """Read the scopes of such rows anew.

    When the cause is mended, at the source or in the table.
    """
    session = opened(context, json)
    headers = {"Idempotency-Key": key or str(uuid4())}
    accepted = session.api.send("POST", f"/tables/{segment(table)}/quarantine/replay", headers=headers).document
    follow(session, accepted, f"run {accepted['run_id']} reads what was put aside", watch_it=watch_it)
