"""The OpenAPI document against the application, with all checks of schemathesis.

REFRESH_TEST_SEED, REFRESH_TEST_EXAMPLES: to look further than the suite, which takes a fixed seed and few examples.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.conftest import OPERATOR

SEED = os.environ.get("REFRESH_TEST_SEED", "20250602")
EXAMPLES = os.environ.get("REFRESH_TEST_EXAMPLES", "4")


@pytest.mark.usefixtures("swept")
def test_all_checks_on_every_call(served: str, tmp_path: Path) -> None:
    document = f"{served}/api/refresh/openapi.json"
    options = ["--checks", "all", "--max-examples", EXAMPLES, "--seed", SEED, "--generation-database", "none"]
    found = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            *("run", document, "--header", f"Authorization: Bearer {OPERATOR}", "--no-color", *options),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    print(f"seed {SEED}, {EXAMPLES} examples\n{found.stdout[-20_000:]}")
    assert found.returncode == 0, found.stderr
