"""GET, PUT …/config, GET, PUT …/config/{table}, and what helps to decide"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from flask import Blueprint
from pydantic_core import from_json

from functions.api.access import caller
from functions.api.contract import call
from functions.api.preconditions import etag, matched, precondition_failed
from functions.api.problems import Refused, not_found
from functions.api.schemas.configuration import (
    Basis,
    ConfigurationChange,
    ConfigurationChanges,
    ConfigurationPreview,
    Configurations,
    ConfigurationsQuery,
    SizeSuggestions,
    TableConfiguration,
)
from functions.api.schemas.fields import Pagination
from shared import wiring
from shared.domain.ids import TableName
from shared.operations import configuration as operations
from shared.operations import documents, suggestions
from shared.operations.configuration import Change, VersionLost
from shared.operations.requests import TablesUnknown
from shared.sql import statement

routes = Blueprint("configuration", __name__)
_TABLE = {"table": "The table, as schema.name."}

Tagged = tuple[TableConfiguration, HTTPStatus, dict[str, str]]


@routes.get("/api/refresh/config")
@call(Configurations, tag="configuration", tagged=True)
def list_configurations(query: ConfigurationsQuery) -> tuple[Configurations, HTTPStatus, dict[str, str]]:
    """Tables as they are configured, by name. The ETag stands for all of them."""
    return _page(query)


def _version_of_all() -> str:
    with wiring.store().transaction() as session:
        return str(session.run(statement("configurations_version"))[0]["version"])


def _page(query: ConfigurationsQuery) -> tuple[Configurations, HTTPStatus, dict[str, str]]:
    with wiring.store().transaction(statement_timeout=10.0) as session:
        total = session.run(statement("count_tables"))[0]["total"]
        version = session.run(statement("configurations_version"))[0]["version"]
        text = documents.read_in(
            session, "read_configurations", schema=None, name=None, offset=query.offset, limit=query.page_size
        )
    settings = wiring.settings()
    answer = Configurations(
        schedule=settings.refresh_schedule,
        time_zone=settings.refresh_time_zone,
        items=_read(text),
        pagination=Pagination.of(query, total),
    )
    return answer, HTTPStatus.OK, etag(version)


@routes.put("/api/refresh/config")
@call(Configurations, tag="configuration", errors=(404, 409, 412), tagged=True)
def change_configurations(json: ConfigurationChanges) -> tuple[Configurations, HTTPStatus, dict[str, str]]:
    """Change several tables at once, all or none. The ETag is that of GET /api/refresh/config.

    409: a change does not fit source, target or dependencies as they are.
    """
    with wiring.store().transaction() as session:  # the versions first: a change between the two is seen in the second
        rows = session.run(statement("config_versions"), tables=list(json.tables))
        version = session.run(statement("configurations_version"))[0]["version"]
    versions = {row["table"]: row["config_version"] for row in rows}
    unknown = sorted(json.tables.keys() - versions.keys())
    if unknown:
        raise not_found(f"Not registered: {', '.join(unknown)}.")
    if matched(lambda: version) is None:
        versions = {}
    changes = [
        _change(TableName.parse(name), wanted, version=versions.get(name)) for name, wanted in json.tables.items()
    ]
    try:
        notes = _make(changes)
    except VersionLost as error:
        raise precondition_failed(_lost(error), _version_of_all()) from error
    answer, status, tagged = _page(ConfigurationsQuery())
    return answer, status, tagged | noted(notes)


@routes.get("/api/refresh/config/<table>")
@call(TableConfiguration, tag="configuration", errors=(404,), paths=_TABLE, tagged=True)
def get_configuration(table: str) -> Tagged:
    """How a table is refreshed. The ETag is its config_version, in quotes."""
    return answer_of(table_of_path(table))


@routes.put("/api/refresh/config/<table>")
@call(TableConfiguration, tag="configuration", errors=(404, 409, 412), paths=_TABLE, tagged=True)
def change_configuration(table: str, json: ConfigurationChange) -> Tagged:
    """Change the fields that are sent, and leave the others. Checked against the real source and target.

    409: the change does not fit source, target or dependencies as they are; the detail says what to do.
    """
    name = table_of_path(table)
    wanted = _change(name, json, version=matched(lambda: _one(name).config_version))
    try:
        notes = _make([wanted])
    except VersionLost as error:
        raise precondition_failed(_lost(error), error.current) from error
    answer, status, tagged = answer_of(name)
    return answer, status, tagged | noted(notes)


@routes.post("/api/refresh/config/<table>/preview")
@call(ConfigurationPreview, tag="configuration", errors=(404, 409), paths=_TABLE)
def preview_configuration(table: str, json: ConfigurationChange) -> ConfigurationPreview:
    """What the next refresh would do because of a change. Checks it as PUT does, and changes nothing."""
    name = table_of_path(table)
    wanted = _change(name, json, version=None)
    try:
        found = operations.preview(wiring.store(), wiring.source(), wanted, actor=caller().subject)
    except TablesUnknown as error:
        raise _unknown(name) from error
    return ConfigurationPreview(table=str(name), **asdict(found) | {"ignored_columns": list(found.ignored_columns)})


@routes.get("/api/refresh/config/<table>/suggestions")
@call(SizeSuggestions, tag="configuration", errors=(404,), paths=_TABLE)
def suggest_sizes(table: str) -> SizeSuggestions:
    """Slice size, lanes, cap and budget that would suit it, by its last refreshes. Never applied by themselves."""
    name = table_of_path(table)
    try:
        found = suggestions.suggest_sizes(wiring.store(), name)
    except TablesUnknown as error:
        raise _unknown(name) from error
    basis = Basis(
        refreshes=found.refreshes,
        rows_per_second=found.rows_per_second,
        largest_rows=found.largest_rows,
        largest_bytes=found.largest_bytes,
        largest_day_bytes=found.largest_day_bytes,
    )
    return SizeSuggestions(table=str(name), **asdict(found.sizes), basis=basis)


def noted(notes: list[str]) -> dict[str, str]:
    """What could not be checked, as a header."""
    return {"Refresh-Note": "; ".join(notes).encode("ascii", "replace").decode()} if notes else {}


def _make(changes: list[Change]) -> list[str]:
    try:
        return operations.change(wiring.store(), wiring.source(), changes, actor=caller().subject)
    except TablesUnknown as error:
        raise not_found(f"Not registered: {', '.join(error.tables)}.") from error


def _lost(error: VersionLost) -> str:
    return f"{error}, so somebody has changed it since it was read. Read it again."


def _change(table: TableName, wanted: ConfigurationChange, *, version: int | None) -> Change:
    given = wanted.model_fields_set
    if "table" in given and wanted.table != str(table):
        detail = f"The body is for {wanted.table}, but the path names {table}."
        raise Refused(HTTPStatus.CONFLICT, "another_table", detail)
    return Change(
        table=table,
        fields=wanted.given(),
        depends_on=wanted.depends_on if "depends_on" in given else None,
        version=version,
    )


def answer_of(table: TableName, status: HTTPStatus = HTTPStatus.OK) -> Tagged:
    found = _one(table)
    return found, status, etag(found.config_version)


def _one(table: TableName) -> TableConfiguration:
    text = documents.read(
        wiring.store(), "read_configurations", schema=table.schema, name=table.name, offset=0, limit=1
    )
    found = _read(text)
    if not found:
        raise _unknown(table)
    return found[0]


def _read(text: str | None) -> list[TableConfiguration]:
    rows: list[Mapping[str, Any]] = from_json(text or "[]")
    return [TableConfiguration(**row.pop("configuration"), **row) for row in map(dict, rows)]


def table_of_path(text: str) -> TableName:
    """The table of a path; one that is no name is not found."""
    try:
        if text.isprintable():
            return TableName.parse(text)
    except ValueError:
        pass
    raise not_found("A table is named as schema.name.")


def _unknown(table: TableName) -> Refused:
    return not_found(f"{table} is not registered. GET /api/refresh/config lists the tables.")
