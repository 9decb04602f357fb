"""Worker of every other table: copied as the registry says, without code of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import wiring

if TYPE_CHECKING:
    from flask import Request


def generic(request: Request) -> tuple[str, int]:
    """A push of topic refresh-generic."""
    return wiring.serve_table(request, function="generic", datasets={})
