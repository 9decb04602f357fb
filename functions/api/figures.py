"""Ratios over counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

GOOD = ("success", "no_new_data")
TIB = 2**40


def success_rate(by_status: Mapping[str, int] | Mapping, /) -> float | None:  # type: ignore[type-arg]
    """The share that ended success or no_new_data, in four decimals; None without any."""
    total = sum(by_status.values())
    return round(sum(by_status.get(status, 0) for status in GOOD) / total, 4) if total else None


def usd(bytes_billed: int, *, per_tib: float) -> float:
    """What the bytes cost, in six decimals."""
    return round(bytes_billed / TIB * per_tib, 6)
