"""GET …/named-sql, GET, PUT, DELETE …/named-sql/{name}, POST …/named-sql/{name}/check"""

from __future__ import annotations

import re
from http import HTTPStatus

from flask import Blueprint
from pydantic import TypeAdapter

from functions.api.access import caller
from functions.api.contract import call
from functions.api.problems import Refused, not_found
from functions.api.schemas.named_sql import (
    NAME,
    NamedSql,
    NamedSqlCheck,
    NamedSqlColumn,
    NamedSqls,
    NamedSqlText,
)
from shared import wiring
from shared.domain.errors import StoreRefused
from shared.operations import documents
from shared.operations import named_sql as operations
from shared.operations.named_sql import NamedSqlUnknown, remove_named_sql, save_named_sql

routes = Blueprint("named_sql", __name__)
_ITEMS = TypeAdapter(list[NamedSql])
_PATH = {"name": "Its name: lower-case letters, digits and _, without sql: in front."}


@routes.get("/api/refresh/named-sql")
@call(NamedSqls, tag="configuration")
def list_named_sql() -> NamedSqls:
    """Queries that tables take as their source, as sql:name."""
    return NamedSqls(items=_read(None))


@routes.get("/api/refresh/named-sql/<name>")
@call(NamedSql, tag="configuration", errors=(404,), paths=_PATH)
def get_named_sql(name: str) -> NamedSql:
    """One of them."""
    return _one(name)


@routes.put("/api/refresh/named-sql/<name>")
@call(NamedSql, tag="configuration", errors=(404, 409), paths=_PATH, also={201: NamedSql})
def put_named_sql(name: str, json: NamedSqlText) -> tuple[NamedSql, HTTPStatus]:
    """Make or change one. Checked by BigQuery, without a cost, and against every table that reads it.

    404: the path is no name. 409: the query, or a table that reads it, would not work; the detail says what to do.
    """
    is_new = save_named_sql(
        wiring.store(),
        wiring.source(),
        _name(name),
        json.sql,
        description=json.description,
        actor=caller().subject,
    )
    return _one(name), HTTPStatus.CREATED if is_new else HTTPStatus.OK


@routes.post("/api/refresh/named-sql/<name>/check")
@call(NamedSqlCheck, tag="configuration", errors=(404, 409), paths=_PATH)
def check_named_sql(name: str, json: NamedSqlText) -> NamedSqlCheck:
    """Whether a query would work under this name, with every table that reads it. Nothing is changed.

    404: the path is no name. 409: the query, or a table that reads it, would not work; the detail says what to do.
    """
    found = operations.check_named_sql(wiring.store(), wiring.source(), _name(name), json.sql)
    columns = [NamedSqlColumn(name=column.name, type=column.full_type) for column in found.source.columns]
    return NamedSqlCheck(name=name, columns=columns, tables=[str(table) for table in found.tables])


@routes.delete("/api/refresh/named-sql/<name>")
@call(NamedSqls, tag="configuration", errors=(404, 409), paths=_PATH)
def delete_named_sql(name: str) -> NamedSqls:
    """Remove one; the answer has the others. 409: a table reads it."""
    try:
        remove_named_sql(wiring.store(), _name(name), actor=caller().subject)
    except NamedSqlUnknown as error:
        raise not_found(f"{error}.") from error
    except StoreRefused as error:
        raise Refused(HTTPStatus.CONFLICT, "in_use", f"{error}") from error
    return NamedSqls(items=_read(None))


def _name(text: str) -> str:
    if re.fullmatch(NAME.strip("^$"), text) is None:
        raise not_found("A named SQL has a name of lower-case letters, digits and _, such as orders_by_day.")
    return text


def _one(name: str) -> NamedSql:
    found = _read(_name(name))
    if not found:
        raise not_found(f"There is no named SQL {name}. GET /api/refresh/named-sql lists them.")
    return found[0]


def _read(name: str | None) -> list[NamedSql]:
    return _ITEMS.validate_json(documents.read(wiring.store(), "read_named_sql", name=name) or "[]")
