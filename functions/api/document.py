"""The OpenAPI document: what spectree writes of routes and models, made complete and put right where it is too wide."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from http import HTTPStatus
from inspect import cleandoc
from json import dumps
from typing import Any

from functions.api import responses
from functions.api.contract import contract, operations
from functions.api.responses import Json

VERSION = "0.1.0"
"""Of the API, which is that of the project."""
_DESCRIPTION = """\
Operate the daily refresh of Postgres tables from BigQuery: see whether the data is right and fresh, start refreshes,
read history and metrics, change the configuration.

Reads need the role viewer, everything else the role operator. Times are RFC 3339 in UTC. Errors are problem documents
(RFC 9457). Unknown parameters and fields are errors. Lists have links to their other pages (RFC 8288).
"""
_PRECONDITION = (
    "Send the header If-Match with the ETag that was read, so that nobody else's change is lost: the answer is 412 "
    "when it is not the version now."
)
_TAGS = {
    "overview": "Whether the data is right and fresh.",
    "runs": "Refreshes: started, looked at, done again, taken back.",
    "dry runs": "What a refresh would do, and what it would cost.",
    "backfills": "Ranges of days that are loaded behind the daily runs.",
    "history": "What has happened, and figures of it.",
    "holds": "What was kept from being published, and decisions about it.",
    "quarantine": "Source rows that a target could not hold.",
    "quality": "Whether tables hold what their sources have, and the outcomes of checks.",
    "shadow": "Tables that are refreshed beside the live one, until they are promoted.",
    "configuration": "How tables are refreshed.",
    "dead letters": "Messages that nobody could handle.",
    "webhooks": "Who is told what, and what became of it.",
    "contract": "This document.",
}
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of the service's settings, or on Google's cloud an identity token for its audience.",
}


@cache
def document() -> Json:
    """The document. Nobody may change what is returned."""
    described: Json = deepcopy(contract.spec)
    schemas = described["components"]["schemas"]
    for schema in schemas.values():
        _put_right(schema)
    for operation in _operations(described):
        _complete(operation, schemas)
    components = {
        "schemas": {name: schemas[name] for name in sorted(_used(described["paths"], schemas))},
        "responses": responses.problems(),
        "headers": responses.HEADERS,
        "securitySchemes": {"bearer": _BEARER},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Daily BigQuery Refresh",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "Where this document is from."}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": described["paths"],
        "components": components,
    }


def _operations(described: Json) -> Iterator[Json]:
    for path in described["paths"].values():
        yield from path.values()


def _complete(operation: Json, schemas: Json) -> None:
    """Of a call: what it is called, its parameters, its body, its answers."""
    declared = operations[operation["operationId"]]
    text = "\n\n".join(part for part in (operation["summary"], operation["description"]) if part)
    if "412" in operation["responses"]:
        text = f"{text}\n\n{_PRECONDITION}"
    operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    operation["description"] = text
    for parameter in operation["parameters"]:
        parameter["schema"] = _never_null(parameter["schema"])
        _put_right(parameter["schema"])
        said = parameter["schema"].pop("description", "") or parameter["description"]
        parameter["description"] = said
    if "requestBody" in operation:
        body = operation["requestBody"]
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        body["required"] = bool(schemas[name].get("required"))  # of which nothing is needed, it may be left out
        body["description"] = schemas[name]["description"]
        for named in _used(body, schemas):
            _tell_defaults(schemas[named])
    reads = "requestBody" not in operation and HTTPStatus.PRECONDITION_FAILED not in declared.errors
    responses.complete(operation, declared, reads=reads)


def _put_right(schema: Any) -> None:
    """Without names that say no more than their field; keys of a pattern in the words that all readers know."""
    match schema:
        case dict():
            if isinstance(schema.get("title"), str):
                del schema["title"]
            if "patternProperties" in schema:
                ((pattern, value),) = schema.pop("patternProperties").items()
                schema["additionalProperties"] = value
                schema["propertyNames"] = {**schema.get("propertyNames", {}), "pattern": pattern}
            if isinstance(schema.get("description"), str):
                schema["description"] = cleandoc(schema["description"]).replace("\n", " ")
            for part in schema.values():
                _put_right(part)
        case list():
            for part in schema:
                _put_right(part)


def _tell_defaults(schema: Json) -> None:
    """Defaults of a body in words: to some generators of clients, a field with a default is always there."""
    for field in schema.get("properties", {}).values():
        default = field.pop("default", None)
        if default is not None:
            field["description"] = f"{field.get('description', '')} Absent: {dumps(default)}.".strip()


def _never_null(schema: Json) -> Json:
    """A parameter is there or is not; it cannot be null."""
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) != 1:
        return schema
    others = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**others, **choices[0]}


def _used(part: Any, schemas: Json) -> set[str]:
    """Names of the schemas that a part of the document refers to, through others or not."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        match waiting.pop():
            case {"$ref": str(reference)} if reference.startswith("#/components/schemas/"):
                name = reference.rpartition("/")[2]
                if name not in found:
                    found.add(name)
                    waiting.append(schemas[name])
            case dict() as inner:
                waiting += inner.values()
            case list() as inner:
                waiting += inner
    return found
