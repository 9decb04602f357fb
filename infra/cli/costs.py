"""`costs`: what BigQuery billed, and how much of today's caps is used."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from infra.cli.documents import Document
from infra.cli.output import Output, counted, percent, size
from infra.cli.session import Json, opened


def costs(
    context: typer.Context,
    month: Annotated[str | None, typer.Option(metavar="YYYY-MM", help="In UTC. None: this month.")] = None,
    today: Annotated[bool, typer.Option("--today", help="What is used of today's caps.")] = False,
    json: Json = False,
) -> None:
    """What BigQuery billed in a month, by table and day.

    With --today, how much of the caps of a day is used.
    """
    session = opened(context, json)
    if today:
        document = session.api.read("/costs/today")
    else:
        document = session.api.read("/costs", month=month or f"{datetime.now(UTC):%Y-%m}")
    if session.out.as_json:
        session.out.json(document)
    elif today:
        _show_today(session.out, document)
    else:
        _show_month(session.out, document)


def _show_month(out: Output, document: Document) -> None:
    out.table(
        ("table", "jobs", "runs", "billed", "USD"),
        (
            (one["table"], one["jobs"], one["runs"], size(one["bytes_billed"]), f"{one['usd']:.4f}")
            for one in document["tables"]
        ),
        right=("jobs", "runs", "billed", "USD"),
    )
    if document["days"]:
        out.line("")
        out.table(
            ("day", "jobs", "billed", "USD"),
            ((one["day"], one["jobs"], size(one["bytes_billed"]), f"{one['usd']:.4f}") for one in document["days"]),
            right=("jobs", "billed", "USD"),
        )
    out.line("")
    billed = f"{size(document['bytes_billed'])}, ${document['usd']:.2f}"
    out.line(f"{document['month']}: {counted(document['jobs'], 'job')}, {billed}")


def _show_today(out: Output, document: Document) -> None:
    out.table(
        ("table", "spent", "cap of a day", "used"),
        (
            (one["table"], *_used(one["bytes_spent"], one["max_bytes_billed_per_day"]))
            for one in [*document["tables"], document | {"table": "all tables"}]
        ),
        right=("spent", "cap of a day", "used"),
    )
    out.line(f"{document['day']} (UTC), with what running jobs have reserved.")


def _used(spent: int, cap: int | None) -> tuple[str, str, str]:
    return size(spent), "none" if cap is None else size(cap), percent(spent / cap if cap else None)
