"""What BigQuery billed."""

from __future__ import annotations

import datetime as dt
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


class DayCosts(Answer):
    """What the jobs of a day (UTC) billed."""

    day: dt.date
    jobs: int
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
    days: list[DayCosts] = Field(description="Days on which anything was billed, in order.")


class TableSpending(Answer):
    """What a table has spent today, and its caps."""

    table: str
    bytes_spent: int
    max_bytes_billed: int | None = Field(description="Cap for each job.")
    max_bytes_billed_per_day: int | None


class Spending(Answer):
    """What jobs started today (UTC) have billed, or have reserved and may bill yet, beside the caps of a day."""

    day: dt.date
    bytes_spent: int
    max_bytes_billed_per_day: int | None = Field(description="Cap for all tables: REFRESH_MAX_BYTES_BILLED_PER_DAY.")
    tables: list[TableSpending] = Field(
        description="Those with a cap, or that have spent anything; the nearest to its cap of the day first."
    )
