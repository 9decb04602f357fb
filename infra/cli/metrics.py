"""`metrics`: durations, rows, bytes and success, by day and by table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Annotated, Any

import typer

from infra.cli.documents import Document
from infra.cli.output import Output, counted, milliseconds, percent, picture, size
from infra.cli.session import Json, OneTable, Session, known, opened

_WRITTEN = ("rows_inserted", "rows_updated", "rows_deleted")
_HEADS = ("refreshes", "well", "p50", "p95", "rows read", "rows written", "billed")


def metrics(
    context: typer.Context,
    table: OneTable = None,
    days: Annotated[int, typer.Option(min=1, max=90, help="Days (UTC) until now, today included.")] = 7,
    json: Json = False,
) -> None:
    """Durations, rows, bytes and success, by day and by table.

    p50 and p95: half of the refreshes, and 95 of 100, took no longer. Written are rows that were new, changed or gone.
    """
    session = opened(context, json)
    document = _of_all_pages(session, days=days, table=table)
    if not document["overall"]["tasks"]:
        known(session, table)
    if session.out.as_json:
        session.out.json(document)
    else:
        _show(session.out, document)


def _of_all_pages(session: Session, **query: Any) -> Document:
    """The document with all tables as one page."""
    document = session.api.read("/metrics", page_size=100, **query)
    tables = document["per_table"]
    for page in range(2, document["pagination"]["pages"] + 1):
        tables += session.api.read("/metrics", page_size=100, page=page, **query)["per_table"]
    pagination = document["pagination"] | {"page": 1, "page_size": max(1, len(tables)), "pages": 1}
    return document | {"per_table": tables, "pagination": pagination}


def _show(out: Output, document: Document) -> None:
    overall, whose = document["overall"], document["table"] or "all tables"
    out.line(f"{whose}, {document['days']} days to today: {_said(overall)}")
    if not overall["tasks"] and not overall["bytes_billed"]:
        return
    by_day = {one["day"]: one for one in document["per_day"]}
    first = date.fromisoformat(document["since"][:10])
    days = [(first + timedelta(days=i)).isoformat() for i in range(document["days"])]
    out.line("")
    for name, figure in _PICTURES:
        out.line(f"{name:<12}  {picture([None if day not in by_day else figure(by_day[day]) for day in days])}")
    out.line("")
    right, spare = _HEADS, ("rows read", "p50", "billed")
    out.table(
        ("day", *_HEADS), ((day, *_figures(by_day[day])) for day in days if day in by_day), right=right, spare=spare
    )
    if document["table"] is None:
        refreshed = [one for one in document["per_table"] if one["tasks"] or one["bytes_billed"]]
        out.line("")
        out.table(("table", *_HEADS), ((one["table"], *_figures(one)) for one in refreshed), right=right, spare=spare)


def _said(figures: Document) -> str:
    if not figures["tasks"]:
        return "no refresh has ended"
    return (
        f"{counted(figures['tasks'], 'refresh', 'refreshes')}, {percent(figures['success_rate'])} of them well; "
        f"{size(figures['bytes_billed'])} billed (${figures['usd']:.2f})"
    )


def _figures(figures: Document) -> Sequence[Any]:
    return (
        figures["tasks"],
        percent(figures["success_rate"]),
        milliseconds(figures["duration_p50_ms"]),
        milliseconds(figures["duration_p95_ms"]),
        figures["rows_read"],
        _written(figures),
        size(figures["bytes_billed"]),
    )


def _written(figures: Document) -> int:
    return sum(figures[name] for name in _WRITTEN)


_PICTURES: tuple[tuple[str, Callable[[Document], float | None]], ...] = (
    ("refreshes", lambda day: day["tasks"]),
    ("well", lambda day: day["success_rate"]),
    ("p95", lambda day: day["duration_p95_ms"]),
    ("rows written", _written),
    ("billed", lambda day: day["bytes_billed"]),
)
"""What is drawn, a bar a day; a day without a refresh is a dot."""
