"""Worker of the materialized views, refreshed only where an input has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import wiring

if TYPE_CHECKING:
    from flask import Request


def summaries(request: Request) -> tuple[str, int]:
    """A push of topic refresh-summaries."""
    return wiring.serve_view(request, function="summaries")
