"""What a query will bill, and whether the caps leave room for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.domain.errors import Held

REASON = "cost_cap"
MINIMUM_BYTES = 10 * 1024 * 1024
"""Least that BigQuery bills for a query that reads anything; above that, whole megabytes."""
_MEGABYTE = 1024 * 1024


def billed(processed: int) -> int:
    """Bytes that BigQuery bills on demand for a query that processes so many."""
    return 0 if processed == 0 else max(MINIMUM_BYTES, -(-processed // _MEGABYTE) * _MEGABYTE)


def usd(bytes_billed: int, usd_per_tib: float) -> float:
    """The price of so many bytes, in USD."""
    return round(bytes_billed / 2**40 * usd_per_tib, 6)


@dataclass(frozen=True, kw_only=True)
class Caps:
    """Bytes that may be billed; None: no cap."""

    query: int | None = None
    table_per_day: int | None = None
    all_per_day: int | None = None

    @property
    def daily(self) -> bool:
        """Whether what was spent before matters."""
        return self.table_per_day is not None or self.all_per_day is not None

    def left(self, *, of_table: int, of_all: int) -> int | None:
        """Bytes that are left of the day, below 0 when more was spent; None: any number."""
        caps = ((self.table_per_day, of_table), (self.all_per_day, of_all))
        return min((cap - spent for cap, spent in caps if cap is not None), default=None)

    def check_query(self, table: str, estimate: int, usd_per_tib: float) -> None:
        """Held when a single query would bill more than it may."""
        if self.query is not None and estimate > self.query:
            raise _over(table, estimate, usd_per_tib, cap="query", bytes_allowed=self.query, bytes_spent=0)

    def check_day(self, table: str, estimate: int, usd_per_tib: float, *, of_table: int, of_all: int) -> None:
        """Held when the day's bytes, with the estimate, would be more than they may."""
        for cap, allowed, spent in (("table", self.table_per_day, of_table), ("all", self.all_per_day, of_all)):
            if allowed is not None and spent + estimate > allowed:
                raise _over(table, estimate, usd_per_tib, cap=cap, bytes_allowed=allowed, bytes_spent=spent)


_SETTINGS = {
    "query": "max_bytes_billed of the table",
    "table": "max_bytes_billed_per_day of the table",
    "all": "REFRESH_MAX_BYTES_BILLED_PER_DAY",
}


def _over(table: str, estimate: int, usd_per_tib: float, **found: Any) -> Held:
    price = usd(estimate, usd_per_tib)
    spent = f", {found['bytes_spent']} of them are spent today" if found["cap"] != "query" else ""
    return Held(
        f"{table}: BigQuery would bill {estimate} bytes ({price:.2f} USD), and {_SETTINGS[found['cap']]} allows "
        f"{found['bytes_allowed']}{spent}; nothing was started",
        reason=REASON,
        details={"bytes_estimated": estimate, "usd_estimated": price} | found,
    )
