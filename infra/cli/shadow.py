"""`shadow`: tables that are refreshed beside those of another program."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from infra.cli.documents import segment
from infra.cli.errors import Exit
from infra.cli.session import Json, Table, Yes, confirm, opened

app = typer.Typer(no_args_is_help=True, help="Tables that are refreshed beside those of another program.")


@app.command("report")
def shadow_report(
    context: typer.Context,
    table: Table,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far back.")] = 30,
    json: Json = False,
) -> None:
    """How a shadow and its live table have differed, by day.

    Exit code 1 until it has had its clean days.
    """
    session = opened(context, json)
    document = session.api.read(f"/tables/{segment(table)}/shadow-report", days=days)
    out = session.out
    if out.as_json:
        out.json(document)
    else:
        needed = document["clean_days_needed"]
        out.line(f"{table}: {document['clean_days']} of {needed} clean days in a row (mode {document['mode']})")
        out.table(
            ("day", "clean", "counts", "shadow", "live", "missing", "extra", "differing"),
            ([one[name] for name in _DAY] for one in document["days"]),
            right=("shadow", "live", "missing", "extra", "differing"),
        )
    if document["clean_days"] < document["clean_days_needed"]:
        raise typer.Exit(Exit.NOT_WELL)


_DAY = ("day", "clean", "counts", "rows_shadow", "rows_live", "missing", "extra", "differing")


@app.command("promote")
def promote(
    context: typer.Context,
    table: Table,
    force: Annotated[bool, typer.Option("--force", help="Without the clean days; needs a reason.")] = False,
    reason: Annotated[str | None, typer.Option(metavar="WHY", help="For the trail.")] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Make what is in a table's shadow live.

    The table is refreshed live from then on. `rollback` takes it back.
    """
    session = opened(context, json)
    confirm(session, f"Make the shadow of {table} live?", yes=yes)
    body: dict[str, Any] = {"force": force} | ({} if reason is None else {"reason": reason})
    done = session.api.send("POST", f"/tables/{segment(table)}/promote", body).document
    if session.out.as_json:
        session.out.json(done)
        return
    counts = f"{done['rows_inserted']:,} new, {done['rows_updated']:,} changed, {done['rows_deleted']:,} gone"
    session.out.line(f"{table} is live, by run {done['run_id']}: {counts}.")


@app.command("demote")
def demote(
    context: typer.Context,
    table: Table,
    reason: Annotated[str, typer.Option(metavar="WHY", help="For the trail.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Refresh a table beside itself again.

    The live one stays as it is, for another program to go on with.
    """
    session = opened(context, json)
    confirm(session, f"Leave {table} to another program again?", yes=yes)
    done = session.api.send("POST", f"/tables/{segment(table)}/demote", {"reason": reason}).document
    if session.out.as_json:
        session.out.json(done)
    else:
        session.out.line(f"{table} has a shadow of {done['rows']:,} rows; the live table stays as it is.")
