"""What BigQuery billed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from functions.api.schemas.fields import Answer, Query


class CostsQuery(Query):
    """Which month."""

    month: Annotated[str, Field(pattern=r"^2[0-9]{3}-(0[1-9]|1[0-2])$", description="YYYY-MM, in UTC.")]


class TableCosts(Answer):
    """What the jobs of a table billed."""

    table: str
    jobs: int
    runs: int
    bytes_billed: int
    usd: float


class Costs(Answer):
    """What the BigQuery jobs of a month billed, the most expensive table first.

    On demand BigQuery bills at least 10 MB for a query. A job counts for the month that it was started in, at the price
    that was set then; a failed one bills nothing.
    """

    month: str
    usd_per_tib: float = Field(description="The price that is set now.")
    jobs: int
    bytes_billed: int
    usd: float
    tables: list[TableCosts]
