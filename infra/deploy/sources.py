"""The staged source of each function: what the buildpack builds, as a zip that has the same bytes for the same code."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.deploy.environment import ROOT
from infra.deploy.errors import DeployError

FUNCTIONS = ("orchestrator", "asin", "search_queries", "summaries", "generic", "notifier", "api")

_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = {"__pycache__", ".DS_Store"}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A function's staged source. `object_name` follows from the content, so equal sources are uploaded once."""

    function: str
    content: bytes

    @property
    def object_name(self) -> str:
        return f"functions/{self.function}/{hashlib.sha256(self.content).hexdigest()[:32]}.zip"


def stage(function: str, *, root: Path = ROOT) -> Source:
    """Stage a function: a root `main.py` with its entry point alone, its package, `shared`, and requirements.txt."""
    own = root / "functions" / function
    if not (own / "main.py").is_file():
        raise DeployError(f"functions/{function}/main.py is missing: this checkout is not complete")
    files = {
        "main.py": _entry_point(function),
        "requirements.txt": (root / "requirements.txt").read_bytes(),
        "functions/__init__.py": (root / "functions" / "__init__.py").read_bytes(),
    }
    for folder in (own, root / "shared"):
        files |= {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.suffix != ".pyc" and not _LEFT_OUT & set(path.parts)
        }
    return Source(function=function, content=_zipped(files))


def unpack(source: Source, folder: Path) -> None:
    """Put the staged files into a folder, as the builder does."""
    with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
        archive.extractall(folder)


def _entry_point(function: str) -> bytes:
    return (
        f'"""Entry point of the function {function}."""\n\n'
        f"from functions.{function}.main import {function}\n\n"
        f'__all__ = ["{function}"]\n'
    ).encode()


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return buffer.getvalue()
