"""The file by which scripts learn the stack's addresses: lines KEY=value, written whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write(file: Path, values: Mapping[str, str]) -> None:
    """Replace the file in one step; only its owner may read it, since it holds passwords and tokens."""
    handle, half = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    with os.fdopen(handle, "w") as output:
        output.writelines(f"{key}={value}\n" for key, value in values.items())
    Path(half).replace(file)


def read(file: Path) -> dict[str, str]:
    """The file's values."""
    return dict(line.split("=", 1) for line in file.read_text().splitlines())
