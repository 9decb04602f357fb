"""How figures are written on the page: NULL is a dash, never a 0."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

NOTHING = "–"


def count(value: int | Decimal | None) -> str:
    """A whole number with thousands apart, or one decimal where it is small and not whole."""
    if value is None:
        return NOTHING
    if isinstance(value, int) or value == value.to_integral_value() or abs(value) >= 100:
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.1f}"


def percent(fraction: Decimal | None, digits: int = 2) -> str:
    """A fraction in per cent."""
    return NOTHING if fraction is None else f"{fraction * 100:.{digits}f}\u202f%"


def change(value: Decimal | None) -> str:
    """A relative change with its sign."""
    return NOTHING if value is None else f"{value * 100:+.1f}\u202f%".replace("-", "−")


def points(value: Decimal | None) -> str:
    """A difference in percentage points with its sign."""
    return NOTHING if value is None else f"{value:+.2f}\u202fpp".replace("-", "−")


def index(value: Decimal | None) -> str:
    """An own rate ÷ the market's."""
    return NOTHING if value is None else f"{value:.2f}"


def day(value: date | None) -> str:
    return NOTHING if value is None else f"{value:%d %b %Y}"


def moment(value: datetime | None) -> str:
    return NOTHING if value is None else f"{value:%d %b %Y, %H:%M} UTC"
