"""GET /api/refresh/metrics, and GET /metrics for Prometheus"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response
from pydantic import TypeAdapter
from pydantic_core import from_json

from functions.api import prometheus
from functions.api.contract import call
from functions.api.figures import success_rate, usd
from functions.api.overview import read_overview_in
from functions.api.schemas.document import PrometheusText
from functions.api.schemas.fields import Pagination
from functions.api.schemas.history import DayFigures, Figures, Metrics, MetricsQuery, TableFigures
from shared import wiring
from shared.domain.ids import TableName
from shared.operations import documents
from shared.operations.history import count_ended, days_since, figures_by_day
from shared.sql import statement

routes = Blueprint("metrics", __name__)
_SUMMED = ("rows_read", "rows_inserted", "rows_updated", "rows_deleted", "rows_quarantined", "bytes_billed")
_COUNTS = TypeAdapter(dict[str, int])


@routes.get("/api/refresh/metrics")
@call(Metrics, tag="history")
def get_metrics(query: MetricsQuery) -> Metrics:
    """Durations (p50, p95), rows, bytes and success, over all, per day and per table."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=query.days - 1)
    table = None if query.table is None else TableName.parse(query.table)
    which = {"schema": table and table.schema, "name": table and table.name, "since": since}
    with wiring.store().transaction(statement_timeout=10.0) as session:
        if table is None:
            total = session.run(statement("count_tables"))[0]["total"]
            by_day = figures_by_day(session, since)
        else:
            total = 1
            by_day = documents.read_in(session, "read_metrics_days_of_table", **which) or "{}"
        by_table = documents.read_in(
            session, "read_metrics_tables", **which, offset=query.offset, limit=query.page_size
        )
    days = from_json(by_day)
    tables: list[dict[str, Any]] = from_json(by_table or "[]")
    return Metrics(
        days=query.days,
        since=since,
        table=query.table,
        overall=Figures(**_figures(_summed(days["days"]) | days["percentiles"])),
        per_day=[DayFigures(day=row["day"], **_figures(row)) for row in days["days"]],
        per_table=[TableFigures(table=row["table"], **_figures(row)) for row in tables],
        pagination=Pagination.of(query, total if table is None else len(tables)),
    )


@routes.get("/metrics")
@call(PrometheusText, tag="overview", media_type="text/plain")
def get_prometheus_metrics() -> Response:
    """Figures for Prometheus, in its text format: the tables' state, and all that ever ended as counters."""
    with wiring.store().transaction(statement_timeout=10.0) as session:
        seen = read_overview_in(session, written="none")
        ended = count_ended(session, days_since(session, None), None, None)
    text = prometheus.text(seen, _COUNTS.validate_json(ended))
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def _summed(days: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    by_status: dict[str, int] = {}
    for day in days:
        for status, tasks in day["by_status"].items():
            by_status[status] = by_status.get(status, 0) + tasks
    return {"by_status": by_status} | {name: sum(day[name] for day in days) for name in _SUMMED}


def _figures(row: Mapping[str, Any]) -> dict[str, Any]:
    by_status = {status: tasks for status, tasks in row["by_status"].items() if tasks}
    price = wiring.settings().refresh_usd_per_tib
    return {
        "tasks": sum(by_status.values()),
        "by_status": by_status,
        "success_rate": success_rate(by_status),
        "duration_p50_ms": row["p50_ms"],
        "duration_p95_ms": row["p95_ms"],
        "usd": usd(row["bytes_billed"], per_tib=price),
        **{name: row[name] for name in _SUMMED},
    }
