"""GET /api/refresh/history"""

from __future__ import annotations

from flask import Blueprint
from pydantic import TypeAdapter

from functions.api.contract import call
from functions.api.figures import success_rate
from functions.api.schemas.fields import EndedState, Pagination
from functions.api.schemas.history import Ended, History, HistoryQuery, HistorySummary
from shared import wiring
from shared.domain.ids import TableName
from shared.operations import documents
from shared.operations.history import Place, count_ended, days_since, place_of

routes = Blueprint("history", __name__)
_ITEMS = TypeAdapter(list[Ended])
_COUNTS = TypeAdapter(dict[EndedState, int])


@routes.get("/api/refresh/history")
@call(History, tag="history")
def get_history(query: HistoryQuery) -> History:
    """Refreshes of tables that have ended, newest first."""
    table = None if query.table is None else TableName.parse(query.table)
    which = {"schema": table and table.schema, "name": table and table.name}
    span = {"from": query.from_, "to": query.to}
    with wiring.store().transaction(statement_timeout=10.0) as session:
        if table is None:
            days = days_since(session, query.from_, query.to)
            counted = count_ended(session, days, query.from_, query.to)
            place = place_of(session, days, query.from_, query.to, status=query.status, offset=query.offset)
        else:
            counted = documents.read_in(session, "count_history_of_table", **which, **span) or "{}"
            place = Place(before=query.to, offset=query.offset)
        page = {"from": query.from_, "to": place.before, "offset": place.offset, "limit": query.page_size}
        text = documents.read_in(session, "read_history", **which, **page, status=query.status)
    counts = _COUNTS.validate_json(counted)
    total = sum(counts.values())
    return History(
        items=_ITEMS.validate_json(text or "[]"),
        summary=HistorySummary(total=total, by_status=counts, success_rate=success_rate(counts)),
        pagination=Pagination.of(query, total if query.status is None else counts.get(query.status, 0)),
    )
