"""Tools of other clients, as `infra/setup/clients.sh` installs them; without them, tests are skipped and say why."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SOURCES = Path(__file__).parents[1] / "clients"
_HOME = Path(os.environ.get("REFRESH_TEST_CLIENTS", ".data/clients")).absolute()
_REMEDY = "infra/setup/clients.sh installs it, where there is npm"


def node_modules(*needed: str) -> Path:
    """Where npm's packages are, which have to be there."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for name in needed:
        if not (_HOME / "node_modules" / name).is_dir():
            pytest.skip(f"npm's {name} is not installed: {_REMEDY}")
    return _HOME / "node_modules"


def python() -> Path:
    """The interpreter that has the generator of Python clients."""
    found = _HOME / "venv/bin/python"
    if not found.exists():
        pytest.skip("openapi-python-client is not installed: infra/setup/clients.sh installs it")
    return found


def run(*command: str | Path, folder: Path, **more: Any) -> str:
    """What a command prints, which has to end well."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)
