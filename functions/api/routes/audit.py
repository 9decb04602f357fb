"""GET /api/refresh/audit"""

from __future__ import annotations

from flask import Blueprint
from pydantic import TypeAdapter

from functions.api.contract import call
from functions.api.schemas.audit import Audit, AuditEntry, AuditQuery, cursor_after, read_cursor
from shared import wiring
from shared.domain.ids import TableName
from shared.operations import documents

routes = Blueprint("audit", __name__)
_ITEMS = TypeAdapter(list[AuditEntry])


@routes.get("/api/refresh/audit")
@call(Audit, tag="history")
def get_audit(query: AuditQuery) -> Audit:
    """What happened, newest first: every move of runs, tables and slices, every change and who made it."""
    table = None if query.table is None else TableName.parse(query.table)
    before_at, before_id = (None, None) if query.cursor is None else read_cursor(query.cursor)
    text = documents.read(
        wiring.store(),
        "read_audit",
        schema=table and table.schema,
        name=table and table.name,
        run_id=query.run_id,
        event=query.event,
        by=query.by,
        **{"from": query.from_, "to": query.to},
        before_at=before_at,
        before_id=before_id,
        limit=query.limit,
    )
    items = _ITEMS.validate_json(text or "[]")
    full = len(items) == query.limit
    return Audit(items=items, next_cursor=cursor_after(items[-1].at, items[-1].audit_id) if full else None)
