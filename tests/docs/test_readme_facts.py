"""What README.md says of the code is what the code says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeIs

import pg8000.native
import pytest

from infra.cli.app import command_names
from infra.cli.errors import Exit
from infra.local.pubsub import SUBSCRIBERS
from infra.local.stack import ROOT
from shared.adapters.database_url import connection_arguments
from shared.domain.dataset import Column
from shared.domain.matching import _RULES
from shared.domain.states import TaskStatus
from shared.domain.types import TargetColumn, match_column
from shared.orchestration import dead_letters
from shared.planning.readiness import DEPENDENCY_CYCLE, INPUT_FAILED
from tests.docs import settings
from tests.docs.documents import DOCUMENTS, README, code_words, section, table_rows

_WHERE_TASKS_END = (
    "refresh/*.py",
    "orchestration/*.py",
    "planning/gates.py",
    "planning/outcome.py",
    "domain/errors.py",
    "adapters/bigquery*.py",
    "adapters/postgres.py",
)
_OF_NO_TASK = {"sweep_incomplete", "permanent"}
"""Reasons in logs alone: of the orchestrator, and of a class that is never raised by itself."""


def _columns_of(url: str, table: str) -> list[str]:
    with pg8000.native.Connection(**connection_arguments(url)) as connection:
        rows = connection.run(
            "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:name AS regclass) AND attnum > 0 "
            "AND NOT attisdropped ORDER BY attnum",
            name=f"refresh.{table}",
        )
    return [row[0] for row in rows]


def test_the_registry_is_described_column_by_column_in_its_order(migrated_url: str) -> None:
    described = [name for row in table_rows(section(README, "The registry")) for name in code_words(row[0])]
    assert described == _columns_of(migrated_url, "refresh_table_registry")


def test_the_tables_to_look_at_exist(migrated_url: str) -> None:
    named = [name for row in table_rows(section(README, "6. Look")) for name in code_words(row[0])]
    assert len(named) > 8
    for name in named:
        assert _columns_of(migrated_url, name), name


def test_the_type_matrix_is_the_one_that_is_applied() -> None:
    rows = table_rows(section(README, "Types"))
    described = {code_words(row[0])[0]: tuple(code_words(row[1])) for row in rows}
    assert described == {name: rule.targets for name, rule in _RULES.items()}
    for source, targets in described.items():
        for target in targets:
            column = TargetColumn(name="c", type=target, not_null=False, has_default=False)
            match_column(table="t", source=Column(name="c", type=source), target=column)


def test_every_outcome_is_explained() -> None:
    rows = table_rows(section(README, "Outcomes"))
    statuses = {code_words(row[0])[0] for row in rows if len(row) == 2}
    assert statuses == {status for status in TaskStatus if status.ended}
    for row in rows:
        assert set(code_words(row[0])) <= statuses


def test_every_reason_of_the_code_is_explained() -> None:
    explained = set(code_words(section(README, "Outcomes")))
    assert _reasons() - _OF_NO_TASK - explained == set()


@pytest.mark.parametrize("reason", ["null_in_not_null", "nul_in_text", "too_long", "out_of_range"])
def test_every_reason_for_quarantine_is_explained(reason: str) -> None:
    assert reason in code_words(section(README, "Types"))


def _reasons() -> set[str]:
    found = {INPUT_FAILED, DEPENDENCY_CYCLE, dead_letters.ATTEMPTS_EXHAUSTED}
    for pattern in _WHERE_TASKS_END:
        for file in (ROOT / "shared").glob(pattern):
            found |= set(_reasons_in(file))
    assert len(found) > 20
    return found


def _reasons_in(file: Path) -> Iterator[str]:
    """Texts that are given as `reason`, to a call or by assignment, and the second part of what `outcome()` returns."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if _gives_reason(node):
            yield from _texts(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name == "outcome":
            for one in ast.walk(node):
                if isinstance(one, ast.Return) and isinstance(one.value, ast.Tuple):
                    yield from _texts(one.value.elts[1])


def _gives_reason(node: ast.AST) -> TypeIs[ast.keyword | ast.Assign]:
    match node:
        case ast.keyword(arg="reason") | ast.Assign(targets=[ast.Name(id="reason")]):
            return True
    return False


def _texts(node: ast.AST) -> Iterator[str]:
    """Whole texts of an expression; parts of a formatted one are none."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body)
            yield from _texts(orelse)


def test_the_settings_are_described_as_they_are() -> None:
    rewrite = "run python -m tests.docs.settings"
    assert settings.FILE.read_text(encoding="utf-8") == settings.text(), rewrite


def test_the_commands_and_exit_codes_are_those_that_are_there() -> None:
    commands, codes = section(README, "The command").split("The exit code says")
    described = {word for row in table_rows(commands) for word in code_words(row[0])}
    assert described == set(command_names())
    assert {int(row[0]) for row in table_rows(codes)} == {int(code) for code in Exit}


def test_the_handlers_are_those_that_are_there() -> None:
    (row,) = [row for row in table_rows(section(README, "The registry")) if row[0] == "`handler`"]
    for handler in ("generic", "summaries", "asin", "search_queries"):
        assert handler in code_words(row[1])
        assert handler in SUBSCRIBERS.values()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in _anchors(text), target
        elif "://" not in target:
            assert (ROOT / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_files_that_are_named_exist(document: Path) -> None:
    for word in code_words(document.read_text(encoding="utf-8")):
        if re.fullmatch(r"(shared|functions|infra|tests|docs)/[\w./-]+", word):
            assert (ROOT / word).exists(), word


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
