"""GET /api/refresh/status"""

from __future__ import annotations

from flask import Blueprint
from pydantic_core import to_json

from functions.api.alerts import alerts, overall, statistics, summary
from functions.api.contract import Written, call
from functions.api.overview import read_overview
from functions.api.schemas.status import Status

routes = Blueprint("status", __name__)


@routes.get("/api/refresh/status")
@call(Status, tag="overview")
def get_status() -> Written[Status]:
    """Whether the data is right and fresh, what runs now, and what to do about what is wrong."""
    seen = read_overview(written="all")
    found = alerts(seen.notable(), seen.facts)
    counts = statistics(seen.tables, seen.facts)
    beside = {
        "overall_status": overall(found),
        "summary": summary(counts, found),
        "generated_at": seen.facts.now,
        "statistics": counts,
        "recent_activity": seen.facts.recent_activity,
        "alerts": found,
    }
    return Written(text=f'{to_json(beside).decode()[:-1]},"tables":[{",".join(seen.written)}]}}')
