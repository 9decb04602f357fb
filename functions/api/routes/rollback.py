"""POST …/runs/{run_id}/rollback, GET …/tables/{table}/publishes"""

from __future__ import annotations

from http import HTTPStatus
from json import loads
from uuid import UUID

from flask import Blueprint

from functions.api.access import caller
from functions.api.contract import call
from functions.api.problems import Refused, not_found
from functions.api.routes.configuration import table_of_path
from functions.api.routes.runs import publish_owed
from functions.api.schemas.fields import Pagination
from functions.api.schemas.rollback import (
    Publish,
    Publishes,
    PublishesQuery,
    RollbackRequest,
    RolledBack,
    TakenBack,
)
from shared import wiring
from shared.domain.ids import TableName
from shared.operations import documents
from shared.operations.replay import RunUnknown
from shared.operations.rollback import CannotRollBack, NothingPublished, roll_back

routes = Blueprint("rollback", __name__)


@routes.post("/api/refresh/runs/<uuid:run_id>/rollback")
@call(RolledBack, tag="runs", errors=(404, 409), paths={"run_id": "The run's id."})
def roll_back_run(run_id: UUID, json: RollbackRequest) -> RolledBack:
    """Take back what the run has published: its tables become what they were, in one transaction, with the
    materialized views over them.

    409: a later run has published the same scopes or rows (`runs` names it), the run was taken back already or has not
    ended, what it overwrote is no longer kept, or somebody else has changed the rows. 503: a publish is under way; ask
    again.
    """
    tables = None if json.tables is None else [TableName.parse(one) for one in dict.fromkeys(json.tables)]
    try:
        taken = roll_back(wiring.store(), run_id, tables=tables, subject=caller().subject, reason=json.reason)
    except RunUnknown as error:
        raise not_found(f"{error}.") from error
    except NothingPublished as error:
        raise Refused(HTTPStatus.CONFLICT, "nothing_to_do", f"{error}") from error
    except CannotRollBack as error:
        runs = [str(one) for one in error.runs] or None
        raise Refused(HTTPStatus.CONFLICT, "cannot_roll_back", f"{error}", runs=runs) from error
    publish_owed()
    return RolledBack(
        run_id=run_id,
        tables=[
            TakenBack(
                table=str(one.table),
                rows_inserted=one.rows_inserted,
                rows_updated=one.rows_updated,
                rows_deleted=one.rows_deleted,
            )
            for one in taken
        ],
    )


@routes.get("/api/refresh/tables/<table>/publishes")
@call(Publishes, tag="runs", errors=(404,), paths={"table": "The table, as schema.name."})
def list_publishes(table: str, query: PublishesQuery) -> Publishes:
    """What can be taken back of a table: its publishes that wrote rows, newest first."""
    name = table_of_path(table)
    text = documents.read(
        wiring.store(),
        "read_publishes",
        schema=name.schema,
        name=name.name,
        offset=query.offset,
        limit=query.page_size,
    )
    if text is None:
        raise not_found(f"{table} is not registered. GET /api/refresh/config lists the tables.")
    document = loads(text)
    return Publishes(
        table=document["table"],
        rollback_publishes=document["rollback_publishes"],
        items=[Publish.model_validate(one) for one in document["items"]],
        pagination=Pagination.of(query, document["total"]),
    )
