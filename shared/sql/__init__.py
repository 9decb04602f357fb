"""The project's SQL statements, one file each."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """Text of `shared/sql/<name>.sql`; FileNotFoundError names a statement that does not exist."""
    return (files(__name__) / f"{name}.sql").read_text(encoding="utf-8")
