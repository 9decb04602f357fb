"""`backfill`, `quarantine` and `shadow`: what goes on beside the daily refresh."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

import typer

from infra.cli.api import Document, segment
from infra.cli.errors import Exit
from infra.cli.output import moment, span, state
from infra.cli.runs import Key, Page, PageSize, Watch, follow, tell_more
from infra.cli.session import TABLE_HELP, Json, Session, Table, Yes, complete_table, confirm, opened

backfill_app = typer.Typer(no_args_is_help=True, help="Ranges of days, loaded behind the daily runs.")
quarantine_app = typer.Typer(no_args_is_help=True, help="Source rows that a target could not hold.")
shadow_app = typer.Typer(no_args_is_help=True, help="Tables that are refreshed beside those of another program.")

OneTable = Annotated[
    str | None, typer.Argument(help=f"{TABLE_HELP} None: all.", autocompletion=complete_table, show_default=False)
]
BackfillId = Annotated[str, typer.Argument(metavar="BACKFILL", help="A backfill's id.")]


@backfill_app.command("start")
def start_backfill(
    context: typer.Context,
    table: Table,
    first: Annotated[str, typer.Option("--from", help="The first day, as 2025-01-31.")],
    last: Annotated[str, typer.Option("--to", help="The last day.")],
    visible: Annotated[
        str, typer.Option(help="end: published all at once. slice: part by part, in little staging.")
    ] = "end",
    watch_it: Watch = False,
    key: Key = None,
    json: Json = False,
) -> None:
    """Load a range of days of a table again. Asked for once more, a backfill that has not ended goes on."""
    session = opened(context, json)
    body = {"tables": [table], "backfill": {"from": first, "to": last, "visible": visible}}
    accepted = session.api.send("POST", "/trigger", body, headers={"Idempotency-Key": key or str(uuid4())}).document
    follow(session, accepted, f"backfill {', '.join(accepted['backfills'])} is accepted", watch_it=watch_it)


@backfill_app.command("list")
def backfills(
    context: typer.Context, table: OneTable = None, page: Page = 1, limit: PageSize = 20, json: Json = False
) -> None:
    """Backfills, newest first, and how far each is."""
    session = opened(context, json)
    document = session.api.read("/backfills", table=table, page=page, page_size=limit)
    if session.out.as_json:
        session.out.json(document)
        return
    for one in document["items"]:
        _show_backfill(session, one)
    tell_more(session.out, document)


@backfill_app.command("show")
def backfill(context: typer.Context, backfill: BackfillId, json: Json = False) -> None:
    """One backfill. Exit code 1 when it was held, failed or cancelled."""
    session = opened(context, json)
    document = session.api.read(f"/backfills/{segment(backfill)}")
    _answer(session, document)
    if document["status"] in ("held", "failed", "cancelled"):
        raise typer.Exit(Exit.NOT_WELL)


@backfill_app.command("cancel")
def cancel_backfill(context: typer.Context, backfill: BackfillId, yes: Yes = False, json: Json = False) -> None:
    """End a backfill. What it has published stays."""
    session = opened(context, json)
    confirm(session, f"End backfill {backfill}?", yes=yes)
    _answer(session, session.api.send("POST", f"/backfills/{segment(backfill)}/cancel").document)


def _answer(session: Session, document: Document) -> None:
    if session.out.as_json:
        session.out.json(document)
    else:
        _show_backfill(session, document)


def _show_backfill(session: Session, one: Document) -> None:
    left = "" if one["seconds_left"] is None else f", about {span(one['seconds_left'])} left"
    total = "?" if one["rows_total"] is None else f"{one['rows_total']:,}"
    days = f"{one['scope_from']} to {one['scope_to']}"
    session.out.line(state(one["status"]), f"{one['table']}, {days}: rows {one['rows_loaded']:,}/{total}{left}")
    session.out.line(f"  {one['backfill_id']}")
    if one["error"]:
        session.out.line(f"  {one['error']}")


@quarantine_app.command("list")
def quarantine(
    context: typer.Context,
    table: OneTable = None,
    reason: Annotated[str | None, typer.Option(help="Only these, such as too_long.")] = None,
    status: Annotated[str | None, typer.Option("--state", help="Only these: open or resolved.")] = None,
    page: Page = 1,
    limit: PageSize = 20,
    json: Json = False,
) -> None:
    """Source rows that a target could not hold, each with the column and the reason, newest first."""
    session = opened(context, json)
    which = {"table": table, "reason": reason, "state": status}
    document = session.api.read("/quarantine", page=page, page_size=limit, **which)
    if session.out.as_json:
        session.out.json(document)
        return
    session.out.table(
        ("put aside", "table", "scope", "reason", "column", "resolved"),
        (
            (
                moment(one["quarantined_at"])[5:16],
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


@quarantine_app.command("replay")
def replay_quarantine(
    context: typer.Context, table: Table, watch_it: Watch = False, key: Key = None, json: Json = False
) -> None:
    """Read the scopes anew of which rows are in quarantine, when the cause is mended."""
    session = opened(context, json)
    headers = {"Idempotency-Key": key or str(uuid4())}
    accepted = session.api.send("POST", f"/tables/{segment(table)}/quarantine/replay", headers=headers).document
    follow(session, accepted, f"run {accepted['run_id']} reads what was put aside", watch_it=watch_it)


@shadow_app.command("report")
def shadow_report(
    context: typer.Context,
    table: Table,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far back.")] = 30,
    json: Json = False,
) -> None:
    """How a shadow and its live table have differed, day by day. Exit code 1 until it has had its clean days."""
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


@shadow_app.command("promote")
def promote(
    context: typer.Context,
    table: Table,
    force: Annotated[bool, typer.Option(help="Without the clean days; needs a reason.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the trail.")] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Make what is in a table's shadow live; the table is refreshed live from then on. `rollback` takes it back."""
    session = opened(context, json)
    confirm(session, f"Make the shadow of {table} live?", yes=yes)
    body: dict[str, Any] = {"force": force} | ({} if reason is None else {"reason": reason})
    done = session.api.send("POST", f"/tables/{segment(table)}/promote", body).document
    if session.out.as_json:
        session.out.json(done)
        return
    counts = f"{done['rows_inserted']:,} new, {done['rows_updated']:,} changed, {done['rows_deleted']:,} gone"
    session.out.line(f"{table} is live, by run {done['run_id']}: {counts}.")


@shadow_app.command("demote")
def demote(
    context: typer.Context,
    table: Table,
    reason: Annotated[str, typer.Option(help="Why, for the trail.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Refresh a table beside itself again; the live one stays as it is."""
    session = opened(context, json)
    confirm(session, f"Leave {table} to another program again?", yes=yes)
    done = session.api.send("POST", f"/tables/{segment(table)}/demote", {"reason": reason}).document
    if session.out.as_json:
        session.out.json(done)
    else:
        session.out.line(f"{table} has a shadow of {done['rows']:,} rows; the live table stays as it is.")
