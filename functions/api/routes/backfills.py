"""Backfills: GET …/backfills, GET …/backfills/{backfill_id}, POST …/backfills/{backfill_id}/cancel"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint
from pydantic import TypeAdapter

from functions.api.access import caller
from functions.api.contract import call
from functions.api.problems import not_found
from functions.api.schemas.backfills import Backfill, Backfills, BackfillsQuery
from functions.api.schemas.fields import Pagination
from shared import wiring
from shared.domain.ids import TableName
from shared.operations import documents
from shared.operations.backfill import cancel_backfill
from shared.sql import statement

routes = Blueprint("backfills", __name__)
_ITEMS = TypeAdapter(list[Backfill])
_BACKFILL = {"backfill_id": "The backfill's id."}


@routes.get("/api/refresh/backfills")
@call(Backfills, tag="backfills")
def backfills(query: BackfillsQuery) -> Backfills:
    """Backfills, newest first, with how far each is."""
    table = TableName.parse(query.table) if query.table else None
    key: dict[str, Any] = {"schema": table.schema if table else None, "name": table.name if table else None}
    page = {"offset": query.offset, "limit": query.page_size}
    with wiring.store().transaction(statement_timeout=10.0) as session:
        total = session.run(statement("count_backfills"), **key)[0]["total"]
        text = documents.read_in(session, "read_backfills", **key, **page, backfill_id=None)
    return Backfills(items=_ITEMS.validate_json(text or "[]"), pagination=Pagination.of(query, total))


@routes.get("/api/refresh/backfills/<uuid:backfill_id>")
@call(Backfill, tag="backfills", errors=(404,), paths=_BACKFILL)
def backfill(backfill_id: UUID) -> Backfill:
    """A backfill, and how far it is."""
    return _read(backfill_id)


@routes.post("/api/refresh/backfills/<uuid:backfill_id>/cancel")
@call(Backfill, tag="backfills", errors=(404,), paths=_BACKFILL)
def cancel(backfill_id: UUID) -> Backfill:
    """End a backfill. What it has published stays, what is under way is given up; one that has ended stays as it is."""
    _read(backfill_id)
    cancel_backfill(wiring.store(), backfill_id, subject=caller().subject)
    return _read(backfill_id)


def _read(backfill_id: UUID) -> Backfill:
    text = documents.read(
        wiring.store(), "read_backfills", backfill_id=backfill_id, schema=None, name=None, offset=0, limit=1
    )
    found = _ITEMS.validate_json(text or "[]")
    if not found:
        raise not_found(f"There is no backfill {backfill_id}.")
    return found[0]
