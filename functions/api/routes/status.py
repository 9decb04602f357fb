"""GET /api/refresh/status"""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint
from pydantic import TypeAdapter

from functions.api.alerts import alerts, overall, statistics, summary
from functions.api.contract import call
from functions.api.schemas.status import Facts, Status, TableStatus
from shared import wiring
from shared.domain.ids import TableName
from shared.domain.webhooks import DISABLED_BY_HAND
from shared.operations import documents
from shared.planning.schedule import Schedule, daily_key
from shared.ports import Session

routes = Blueprint("status", __name__)
_TABLES = TypeAdapter(list[TableStatus])
_ALL = {"schema": None, "name": None}


@routes.get("/api/refresh/status")
@call(Status, tag="overview")
def get_status() -> Status:
    """Whether the data is right and fresh, what runs now, and what to do about what is wrong."""
    tables, facts = overview()
    found = alerts(tables, facts)
    counts = statistics(tables, facts)
    return Status(
        overall_status=overall(found),
        summary=summary(counts, found),
        generated_at=facts.now,
        statistics=counts,
        tables=tables,
        recent_activity=facts.recent_activity,
        alerts=found,
    )


def overview() -> tuple[list[TableStatus], Facts]:
    """Every table, and the facts beside them."""
    with wiring.store().transaction(statement_timeout=10.0) as session:
        return overview_in(session)


def overview_in(session: Session) -> tuple[list[TableStatus], Facts]:
    """The same in the caller's transaction."""
    now = datetime.now(UTC)
    due = _schedule().floor(now)
    tables = documents.read_prepared(session, "read_status_tables", **_ALL, trigger_hours=_schedule().hours(now))
    daily = {"daily_due_at": due, "daily_key": daily_key(due)}
    facts = documents.read_prepared(session, "read_status_facts", **daily, disabled_by_hand=DISABLED_BY_HAND)
    return _TABLES.validate_json(tables or "[]"), Facts.model_validate_json(facts or "{}")


def status_of(table: TableName) -> TableStatus | None:
    """One table; None when it is not registered."""
    which = {"schema": table.schema, "name": table.name}
    hours = _schedule().hours(datetime.now(UTC))
    text = documents.read(wiring.store(), "read_status_tables", **which, trigger_hours=hours)
    return next(iter(_TABLES.validate_json(text or "[]")), None)


def _schedule() -> Schedule:
    settings = wiring.settings()
    return Schedule.parse(settings.refresh_schedule, settings.refresh_time_zone)
