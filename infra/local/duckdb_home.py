"""A HOME that has the DuckDB extensions of the BigQuery emulator, installed from their wheels, not downloaded."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from infra.local.process import PartFailedError

_EXTENSIONS = ("ducklake", "icu", "spatial")
_INSTALL = "import duckdb, sys\nfor file in sys.argv[1:]: duckdb.execute(f\"INSTALL '{file}'\")"


def duckdb_home(spare: Path) -> Path:
    """Return it: beside the interpreter's packages, or where those are read-only, in the folder `spare`."""
    shared = Path(sys.prefix) / "duckdb-home"
    if shared.exists():
        return shared
    home = shared if os.access(sys.prefix, os.W_OK) else spare / "duckdb-home"
    if not home.exists():
        _install(home)
    return home


def _install(home: Path) -> None:
    """Install into a folder beside it and rename that: where two do it at once, whoever is first wins."""
    half = Path(tempfile.mkdtemp(prefix="duckdb-home-", dir=home.parent))
    half.chmod(0o755)
    try:
        command = [sys.executable, "-c", _INSTALL, *(str(_extension_file(name)) for name in _EXTENSIONS)]
        env = {**os.environ, "HOME": str(half)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PartFailedError("bigquery", f"DuckDB's extensions could not be installed: {done.stderr.strip()}")
        if not home.exists():
            half.rename(home)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _extension_file(name: str) -> Path:
    spec = find_spec(f"duckdb_extension_{name}")
    if spec is None or spec.origin is None:
        raise PartFailedError("bigquery", f"duckdb-extension-{name} is not installed; `make setup` installs it")
    return next(Path(spec.origin).parent.glob("extensions/*/*.duckdb_extension"))


if __name__ == "__main__":
    duckdb_home(Path.cwd())
