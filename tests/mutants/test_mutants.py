"""The tests bite: each planted fault turns the test red that stands against it.

The tree is copied, one place in it is changed, and that test is run on the copy. The unchanged copy passes them all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("shared", "infra", "functions", "tests", "pyproject.toml")
_ALL_PASSED, _SOME_FAILED = 0, 1


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One place in one file, what stands there instead, and the test that has to notice."""

    name: str
    file: str
    place: str
    instead: str
    test: str


MUTANTS = [
    Mutant(
        name="the compare-and-set is gone",
        file="shared/sql/fence_task.sql",
        place="epoch = :epoch",
        instead="epoch >= :epoch",
        test="tests/faults/test_zombie.py::test_no_zombie_publishes",
    ),
    Mutant(
        name="acknowledged before the commit",
        file="shared/refresh/worker.py",
        place="            work(message)\n",
        instead="            __import__('threading').Thread(target=work, args=(message,)).start()\n",
        test="tests/faults/test_acknowledgement.py",
    ),
    Mutant(
        name="truncate and insert in place of the diff-merge",
        file="shared/refresh/merge.py",
        place="        return self._merge_keyed() if",
        instead='        self._execute("TRUNCATE {target}")\n        return self._fill() if',
        test="tests/faults/test_readers.py::test_a_transaction_that_began_before_a_publish_sees_the_version_before_it",
    ),
    Mutant(
        name="a slice may be recorded twice",
        file="infra/migrations/sql/0001_control_plane.sql",
        place="    PRIMARY KEY (run_id, table_schema, table_name, slice_no),\n",
        instead="",
        test="tests/integration/test_state_moves.py::test_a_slice_is_recorded_once",
    ),
    Mutant(
        name="a scope may be published twice",
        file="infra/migrations/sql/0001_control_plane.sql",
        place="    UNIQUE NULLS NOT DISTINCT (table_schema, table_name, scope),\n",
        instead="",
        test="tests/faults/test_acknowledgement.py",
    ),
    Mutant(
        name="an older snapshot overwrites a newer one",
        file="shared/planning/settlement.py",
        place="    if overtaken:\n",
        instead="    if not scope:\n",
        test="tests/unit/test_settlement.py::test_in_every_order_the_newest_published_snapshot_wins",
    ),
    Mutant(
        name="an empty source is no longer held back",
        file="shared/planning/gates.py",
        place="rows >= least * published and rows > 0",
        instead="rows >= least * published or rows == 0",
        test="tests/unit/test_gates.py",
    ),
    Mutant(
        name="a publish group is claimed before all of it is staged",
        file="shared/sql/claim_unit.sql",
        place="    AND (SELECT count(*) FROM free) = (SELECT count(*) FROM unit)\n",
        instead="",
        test="tests/faults/test_publish_groups.py::"
        "test_what_is_staged_waits_and_the_last_one_publishes_all_in_one_transaction",
    ),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the tree."""
    folder = tmp_path_factory.mktemp("tree")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
        else:
            shutil.copy(ROOT / part, folder / part)
    yield folder
    shutil.rmtree(folder)


def test_the_unchanged_tree_passes(copy: Path) -> None:
    status, output = run(copy, sorted({mutant.test for mutant in MUTANTS}))
    assert status == _ALL_PASSED, output


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_does_not_survive(copy: Path, mutant: Mutant) -> None:
    file = copy / mutant.file
    text = file.read_text()
    assert text.count(mutant.place) == 1, f"{mutant.file} has no longer one place that says {mutant.place!r}"
    file.write_text(text.replace(mutant.place, mutant.instead))
    try:
        status, output = run(copy, [mutant.test])
    finally:
        file.write_text(text)
    assert status == _SOME_FAILED, output


def run(folder: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Run the tests on the copy until the first failure; pytest's exit status, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHONPATH"))}
        | {"REFRESH_TEST_RACES": "25", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    return done.returncode, done.stdout[-3000:] + done.stderr[-1000:]
