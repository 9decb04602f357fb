"""Backfills: GET …/backfills, POST …/backfills/preview, GET …/backfills/{backfill_id}, POST …/{backfill_id}/cancel"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint
from pydantic import TypeAdapter
from pydantic_core import from_json

from functions.api.access import caller
from functions.api.contract import call
from functions.api.problems import not_found
from functions.api.routes.runs import days_of, refusal
from functions.api.schemas.backfills import (
    Backfill,
    BackfillPreview,
    BackfillPreviewRequest,
    Backfills,
    BackfillsQuery,
)
from functions.api.schemas.fields import Pagination
from shared import wiring
from shared.domain.errors import RefreshError
from shared.domain.ids import TableName
from shared.operations import backfill as operations
from shared.operations import documents
from shared.sql import statement

routes = Blueprint("backfills", __name__)
_ITEMS = TypeAdapter(list[Backfill])
_BACKFILL = {"backfill_id": "The backfill's id."}


@routes.get("/api/refresh/backfills")
@call(Backfills, tag="backfills")
def list_backfills(query: BackfillsQuery) -> Backfills:
    """Backfills, newest first, with how far each is."""
    table = TableName.parse(query.table) if query.table else None
    key: dict[str, Any] = {"schema": table.schema if table else None, "name": table.name if table else None}
    page = {"offset": query.offset, "limit": query.page_size, "usd_per_tib": wiring.settings().refresh_usd_per_tib}
    with wiring.store().transaction(statement_timeout=10.0) as session:
        total = session.run(statement("count_backfills"), **key)[0]["total"]
        text = documents.read_in(session, "read_backfills", **key, **page, backfill_id=None)
    return Backfills(items=_ITEMS.validate_json(text or "[]"), pagination=Pagination.of(query, total))


@routes.post("/api/refresh/backfills/preview")
@call(BackfillPreview, tag="backfills", errors=(404, 409))
def preview_backfill(json: BackfillPreviewRequest) -> BackfillPreview:
    """What a backfill would look at. Refused as the trigger would refuse it; nothing is begun.

    404: the table is not registered. 409: it is being filled, the range has no day (`empty_range`), or its scopes are
    no dates (`not_fillable`).
    """
    try:
        text = operations.preview_backfill(
            wiring.store(), TableName.parse(json.table), days_of(json), subject=caller().subject
        )
    except RefreshError as error:
        raise refusal(error) from error
    found = from_json(text)
    estimated = found["bytes_estimated"]
    price = wiring.settings().refresh_usd_per_tib
    usd = None if estimated is None else round(estimated / 2**40 * price, 6)
    return BackfillPreview(**found | {"visible": json.visible, "usd_estimated": usd})


@routes.get("/api/refresh/backfills/<uuid:backfill_id>")
@call(Backfill, tag="backfills", errors=(404,), paths=_BACKFILL)
def get_backfill(backfill_id: UUID) -> Backfill:
    """A backfill, and how far it is."""
    return _read(backfill_id)


@routes.post("/api/refresh/backfills/<uuid:backfill_id>/cancel")
@call(Backfill, tag="backfills", errors=(404,), paths=_BACKFILL)
def cancel_backfill(backfill_id: UUID) -> Backfill:
    """End a backfill. What it has published stays, what is under way is given up; one that has ended stays as it is."""
    _read(backfill_id)
    operations.cancel_backfill(wiring.store(), backfill_id, subject=caller().subject)
    return _read(backfill_id)


def _read(backfill_id: UUID) -> Backfill:
    text = documents.read(
        wiring.store(),
        "read_backfills",
        backfill_id=backfill_id,
        schema=None,
        name=None,
        offset=0,
        limit=1,
        usd_per_tib=wiring.settings().refresh_usd_per_tib,
    )
    found = _ITEMS.validate_json(text or "[]")
    if not found:
        raise not_found(f"There is no backfill {backfill_id}.")
    return found[0]
