"""Worker of the ASIN tables: what each own ASIN got in a period."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.asin.dataset import ASIN_PERFORMANCE
from shared import wiring

if TYPE_CHECKING:
    from flask import Request

DATASETS = {ASIN_PERFORMANCE.name: ASIN_PERFORMANCE}


def asin(request: Request) -> tuple[str, int]:
    """A push of topic refresh-asin."""
    return wiring.serve_table(request, function="asin", datasets=DATASETS)
