"""What CONTRIBUTING.md and CHANGELOG.md say of the project is what the project says."""

from __future__ import annotations

import inspect
import re
import tomllib
from typing import Any

from infra.local.stack import ROOT
from shared.domain import errors
from shared.domain.errors import RefreshError
from shared.refresh import attempt
from tests.docs.documents import CHANGELOG, CONTRIBUTING, README, code_words, section, table_rows


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_layers_are_those_of_the_import_contract() -> None:
    contracts = {one["id"]: one for one in _project()["tool"]["importlinter"]["contracts"]}
    declared = [set(layer.split(" | ")) for layer in contracts["layers"]["layers"]]
    described = [set(code_words(row[0])) for row in table_rows(section(CONTRIBUTING, "Layers"))]
    assert described == [{"functions"}, *({f"shared.{part}" for part in layer} for layer in declared)]


def test_the_steps_are_told_in_the_order_in_which_the_path_takes_them() -> None:
    way = section(CONTRIBUTING, "The way of a row")
    steps = ["run", "define", "plan", "extract", "transform", "stage", "reconcile", "publish", "merge"]
    places = [way.index(f"`shared/refresh/{step}.py`") for step in steps]
    assert places == sorted(places)


def test_the_consequences_are_those_that_are_drawn() -> None:
    described = {word for row in table_rows(section(CONTRIBUTING, "Errors")) for word in code_words(row[0])}
    known = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, RefreshError)}
    assert described <= known
    drawn = re.findall(r"except (\w+) as error:", inspect.getsource(attempt))
    assert len(drawn) > 4
    assert set(drawn) - {"Exception"} <= described


def test_every_folder_of_tests_is_explained() -> None:
    described = {word for row in table_rows(section(CONTRIBUTING, "Tests")) for word in code_words(row[0])}
    there = {f"tests/{folder.name}" for folder in (ROOT / "tests").iterdir() if (folder / "__init__.py").exists()}
    assert there <= described


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in (README, CONTRIBUTING, CHANGELOG):
        assert set(re.findall(r"\bmake ([a-z]+)`", document.read_text(encoding="utf-8"))) <= targets


def test_the_changelog_speaks_of_this_version() -> None:
    assert _project()["project"]["version"] in CHANGELOG.read_text(encoding="utf-8")
