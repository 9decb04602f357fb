"""The OpenAPI document: every call is in it, and all that can be said of a call is said."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from functions.api.document import document
from tests.api.conftest import VIEWER, Api

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def described(api: Api) -> Json:
    found: Json = api.get("/api/refresh/openapi.json", token=VIEWER)
    with api.app.app_context():
        assert found == document()
    return found


def operations(described: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_every_route_is_in_it_and_no_other(api: Api, described: Json) -> None:
    routes = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in api.app.url_map.iter_rules()
        if not rule.endpoint.startswith("pages.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(method, path) for method, path, _ in operations(described)} == routes


def test_it_has_the_version_of_the_project(described: Json) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert described["info"]["version"] == project["version"]


def test_every_call_says_what_it_is_and_what_can_go_wrong(described: Json) -> None:
    tags = [one["name"] for one in described["tags"]]
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(described):
        assert set(operation["tags"]) <= set(tags), path
        assert operation["summary"], path
        assert operation["description"], path
        assert all(parameter["description"] for parameter in operation["parameters"]), path
        answers = set(operation["responses"])
        assert {"401", "403", "422", "429", "500", "503"} <= answers, path
        assert ({"413", "415"} <= answers) == ("requestBody" in operation), path
        assert ("{" not in path) or "404" in answers, (method, path)
    assert set(tags) == {tag for _, _, operation in operations(described) for tag in operation["tags"]}


def test_everything_that_is_referred_to_is_there_and_nothing_else(described: Json) -> None:
    text = repr(described)
    for kind, named in described["components"].items():
        if kind != "securitySchemes":
            assert set(re.findall(rf"#/components/{kind}/(\w[\w-]*)", text)) == set(named)


def test_examples_are_of_their_schemas(described: Json) -> None:
    found = 0
    for schema in schemas(described):
        for example in schema.get("examples", ()):
            jsonschema_rs.validate(schema | {"components": described["components"]}, example)
            found += 1
    assert found > 3


def test_fields_of_answers_are_always_there_and_those_of_bodies_have_no_default(described: Json) -> None:
    """Generators of clients go by `required` alone; some take a default for a promise that the field is there."""
    named = described["components"]["schemas"]
    assert set(named["RunAccepted"]["required"]) == {"run_id", "url", "backfills"}
    assert all("default" not in field for field in named["TriggerRequest"]["properties"].values())
    assert "required" not in named["TriggerRequest"]


def test_problems_are_as_the_document_says(api: Api, described: Json) -> None:
    schema = {"$ref": "#/components/schemas/Problem", "components": described["components"]}
    for method, path in [("GET", "/api/refresh/nowhere"), ("PATCH", "/metrics"), ("GET", "/api/refresh/runs?page=0")]:
        jsonschema_rs.validate(schema, api(method, path).get_json(), validate_formats=True)


def schemas(part: Any) -> Iterator[Json]:
    if isinstance(part, dict):
        if "type" in part and isinstance(part.get("type"), str):
            yield part
        for inner in part.values():
            yield from schemas(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from schemas(inner)
