"""Worker of the search query tables: own ASINs per query, and the market of each query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.search_queries.dataset import SEARCH_QUERY_MARKET, SEARCH_QUERY_PERFORMANCE
from shared import wiring

if TYPE_CHECKING:
    from flask import Request

DATASETS = {dataset.name: dataset for dataset in (SEARCH_QUERY_PERFORMANCE, SEARCH_QUERY_MARKET)}


def search_queries(request: Request) -> tuple[str, int]:
    """A push of topic refresh-search-queries."""
    return wiring.serve_table(request, function="search_queries", datasets=DATASETS)
