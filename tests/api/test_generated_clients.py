"""Clients that others have generated from the OpenAPI document: compiled strictly, and driven through real calls."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import OPERATOR, Api
from tests.support import other_clients
from tests.support.other_clients import SOURCES, run

PROBLEM = "urn:refresh:problem:"
EXPECTED: dict[str, Any] = {
    "tables": ["public.a", "public.b", "public.c"],
    "state": True,
    "same": True,
    "location": True,
    "run": "running",
    "pages": 2,
    "ended": 0,
    "priority": 7,
    "lost": [412, f"{PROBLEM}version_lost", []],
    "delivery": True,
    "deleted": True,
    "missing": [404, f"{PROBLEM}not_found", []],
    "wrong": [422, f"{PROBLEM}invalid_request", ["days"]],
}


@pytest.fixture
def document(api: Api, tmp_path: Path) -> Path:
    """The document, in a file."""
    path = tmp_path / "openapi.json"
    path.write_bytes(api("GET", "/api/refresh/openapi.json").data)
    return path


def test_a_client_in_typescript(served: str, document: Path) -> None:
    modules = other_clients.node_modules("openapi-typescript", "openapi-fetch", "typescript")
    folder = document.parent
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(SOURCES / "drive.ts", folder)
    run("node", modules / "openapi-typescript/bin/cli.js", document, "-o", "schema.d.ts", folder=folder)
    strict = ("--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "--target", "es2022")
    run("node", modules / "typescript/bin/tsc", *strict, "--module", "nodenext", "drive.ts", folder=folder)
    answered = json.loads(run("node", "drive.js", folder=folder, env=access(served)))
    assert answered == EXPECTED | {"refused": [422, f"{PROBLEM}invalid_request", ["mode"]]}


def test_a_client_in_python(served: str, document: Path) -> None:
    python = other_clients.python()
    folder = document.parent
    (folder / "config.yaml").write_text("post_hooks: []\n")
    made = ("--meta", "none", "--output-path", "refresh_client", "--config", "config.yaml", "--fail-on-warning")
    generator = python.with_name("openapi-python-client")
    run(generator, "generate", "--path", document, *made, folder=folder)
    driver = shutil.copy(SOURCES / "drive.py", folder)
    typed = ("--strict", "--follow-imports=silent", "--python-executable", python, "--cache-dir", folder / "mypy")
    run(sys.executable, "-m", "mypy", *typed, "--config-file=", driver, folder=folder)
    answered = json.loads(run(python, driver, folder=folder, env=access(served)))
    assert answered == EXPECTED | {"refused": [422, f"{PROBLEM}invalid_request", ["tables"]]}


def test_the_rules_of_redocly_find_nothing(document: Path) -> None:
    modules = other_clients.node_modules("@redocly/openapi-core")
    (document.parent / "node_modules").symlink_to(modules)
    script = shutil.copy(SOURCES / "lint.mjs", document.parent)
    assert run("node", script, document, folder=document.parent) == ""


def access(url: str) -> dict[str, str]:
    return {"API_URL": url, "API_TOKEN": OPERATOR, "PATH": "/usr/bin:/bin:/usr/local/bin"}
