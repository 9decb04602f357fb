"""What the Search Query Performance targets must contain, reckoned row by row in Python from the raw source.

Written from the rules and not from the SQL, so that the two check each other. Used by the demo's verification and by
tests; nothing that is deployed needs it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from statistics import median
from typing import Any

from infra.local.sample.report import STAGES

type Row = dict[str, Any]

_NEVER = datetime.min.replace(tzinfo=UTC)
_OWN = ("asin_impression_count", *(f"asin_{stage}_count" for stage in STAGES))
_MARKET_OF = {"impression": "total_query_impression_count"} | {stage: f"total_{stage}_count" for stage in STAGES}
_SHIPPING = tuple(f"total_{speed}_day_shipping_{stage}_count" for stage in STAGES for speed in ("same", "one", "two"))
_TOTALS = ("search_query_volume", *_MARKET_OF.values(), *_SHIPPING)
_PRICES = tuple(f"{side}_median_{stage}_price_amount" for stage in STAGES for side in ("total", "asin"))
_CURRENCIES = tuple(name.replace("amount", "currency_code") for name in _PRICES)
_RATES = tuple(f"total_{stage}_rate" for stage in STAGES)
_SHARES = {stage: f"asin_{stage}_share" for stage in _MARKET_OF}
FIELDS = (
    *("client_id", "marketplace_id", "report_period", "start_date", "end_date", "asin", "parent_asin", "title"),
    *("search_query", "search_query_score", *_TOTALS, *_OWN, *_SHARES.values(), *_RATES, *_PRICES, *_CURRENCIES),
    *("batch_id", "ingested_at"),
)


class ShareUnitAmbiguousError(ValueError):
    """Shares are neither fractions nor percentages of own ÷ total."""


def query_key(text: str) -> str:
    """The text with case, width and white space evened out."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text.casefold())).strip(" ")


def canonical(raw: Mapping[str, Any], column_map: Mapping[str, str]) -> Row:
    """A source row under field names, with the defaults of what is not mapped."""
    row: Row = dict.fromkeys(FIELDS)
    row["report_period"] = "WEEK"
    row |= {field: raw[column] for column, field in column_map.items()}
    if isinstance(row["start_date"], datetime):
        row["start_date"] = row["start_date"].astimezone(UTC).date()
    for name in (*_SHARES.values(), *_RATES, *_PRICES):
        row[name] = None if row[name] is None else Decimal(str(row[name]))
    row["end_date"] = row["end_date"] or _period_end(row["report_period"], row["start_date"])
    row["key"] = query_key(row["search_query"])
    return row


def _period_end(report_period: str, start: date) -> date:
    if report_period == "WEEK":
        return start + timedelta(days=6)
    months = {"MONTH": 1, "QUARTER": 3}[report_period]
    years, month = divmod(start.month - 1 + months, 12)
    return date(start.year + years, month + 1, 1) - timedelta(days=1)


def _arrival(row: Row) -> tuple[datetime, str]:
    return row["ingested_at"] or _NEVER, row["batch_id"] or ""


def _precedence(row: Row) -> tuple[Any, ...]:
    return *_arrival(row), *(-1 if row[name] is None else row[name] for name in _OWN)


def _grouped(rows: Iterable[Row], *names: str) -> list[list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[
            tuple(row[name] for name in ("client_id", "marketplace_id", "report_period", "start_date", *names))
        ].append(row)
    return list(groups.values())


def latest_deliveries(rows: Iterable[Row]) -> list[Row]:
    """One row per client, marketplace, period, ASIN and raw query text: the one that came last."""
    return [max(group, key=_precedence) for group in _grouped(rows, "asin", "search_query")]


def _latest_first(group: list[Row], *names: str) -> list[Row]:
    by_name = sorted(group, key=lambda row: tuple(row[name] for name in names))
    return sorted(by_name, key=_arrival, reverse=True)


def _sum(rows: Iterable[Row], name: str) -> int | None:
    values = [row[name] for row in rows if row[name] is not None]
    return sum(values) if values else None


def _rounded(value: Decimal | None, digits: int) -> Decimal | None:
    return None if value is None else value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _quotient(part: int | None, whole: int | None) -> Decimal | None:
    if part is None or not whole:
        return None
    return _rounded(_rounded(Decimal(part / whole), 9), 8)


def _evidence(rows: Iterable[Row]) -> tuple[bool, list[float]]:
    """Whether there are shares, and each row's first share ÷ what it should be."""
    ratios, with_share = [], False
    for row in rows:
        shares = [(Decimal(row[share] or 0), stage) for stage, share in _SHARES.items()]
        with_share |= any(share for share, _ in shares)
        for share, stage in shares:
            own, total = row[f"asin_{stage}_count"], row[_MARKET_OF[stage]]
            if share and own and total:
                ratios.append(float(share) / (own / total))
                break
    return with_share, ratios


_UNITS = ((Decimal(1), 0.5, 2), (Decimal("0.01"), 50, 200))


def _count(ratios: list[float], low: float, high: float) -> int:
    return sum(low <= ratio <= high for ratio in ratios)


def _unit(ratios: list[float]) -> Decimal | None:
    """The unit of the middle ratio, unless more than a tenth of its followers is in the other."""
    for (scale, low, high), (_, *other) in zip(_UNITS, reversed(_UNITS), strict=True):
        if ratios and low <= median(ratios) <= high and _count(ratios, *other) * 10 <= _count(ratios, low, high):
            return scale
    return None


def share_scale(delivery: list[Row], report: list[Row]) -> Decimal:
    """What makes a fraction of the shares of one delivery of a report: 1, or 0.01 where they are percentages."""
    with_share, ratios = _evidence(delivery)
    if not with_share:
        return Decimal(1)
    scale = _unit(ratios)
    if scale is None:
        scale = _unit(_evidence(report)[1])
        contradicts = any(_count(ratios, low, high) for unit, low, high in _UNITS if unit != scale)
        if scale is None or contradicts:
            raise ShareUnitAmbiguousError(f"{report[0]['client_id']} {report[0]['start_date']}")
    return scale


def _period(row: Row) -> Row:
    names = ("client_id", "marketplace_id", "report_period")
    period = {name: row[name] for name in names}
    return period | {"period_start": row["start_date"], "period_end": row["end_date"]}


def search_query_performance(rows: Iterable[Row]) -> list[Row]:
    """The rows of search_query_performance, with refresh_merged left out."""
    result = []
    for report in _grouped(latest_deliveries(rows)):
        scales = {
            _arrival(delivery[0]): share_scale(delivery, report)
            for delivery in _grouped(report, "ingested_at", "batch_id")
        }
        for group in _grouped(report, "asin", "key"):
            spellings = _latest_first(group, "search_query")
            result.append(_performance_row(spellings, scales[_arrival(spellings[0])]))
    return result


def _performance_row(spellings: list[Row], scale: Decimal) -> Row:
    first = spellings[0]
    names = ("asin", "parent_asin", "search_query", "search_query_score", *_TOTALS, *_CURRENCIES)
    row = _period(first) | {name: first[name] for name in names}
    row["search_query_key"] = first["key"]
    row |= {name: _sum(spellings, name) for name in _OWN}
    row |= {name: _rounded(first[name], 2) for name in _PRICES} | {name: first[name] for name in _RATES}
    for stage, share in _SHARES.items():
        if len(spellings) > 1:
            row[share] = _quotient(row[f"asin_{stage}_count"], row[_MARKET_OF[stage]])
        else:
            row[share] = None if first[share] is None else _rounded(first[share] * scale, 8)
    return row


def search_query_market(rows: Iterable[Row]) -> list[Row]:
    """The rows of search_query_market."""
    result = []
    for group in _grouped(latest_deliveries(rows), "key"):
        first = _latest_first(group, "asin", "search_query")[0]
        row = _period(first) | {name: first[name] for name in ("search_query", *_TOTALS, *_RATES)}
        market = [name for name in (*_PRICES, *_CURRENCIES) if name.startswith("total_")]
        row |= {name: _rounded(first[name], 2) if name in _PRICES else first[name] for name in market}
        row["search_query_key"] = first["key"]
        row["n_own_asins"] = len({each["asin"] for each in group})
        row["totals_disagree"] = len({tuple(each[name] for name in _TOTALS) for each in group}) > 1
        result.append(row)
    return result


def asin_performance_data(rows: Iterable[Row]) -> list[Row]:
    """The rows of asin_performance_data, without loaded_at."""
    result = []
    for group in _grouped(latest_deliveries(rows), "asin"):
        ordered = _latest_first(group, "search_query")
        row = _period(ordered[0]) | {"asin": ordered[0]["asin"], "n_queries": len({each["key"] for each in group})}
        for name in ("parent_asin", "title"):
            row[name] = next((each[name] for each in ordered if each[name] is not None), None)
        result.append(row | {name: _sum(group, name) for name in _OWN})
    return result


TARGETS: Mapping[str, Callable[[Iterable[Row]], list[Row]]] = {
    "asin_performance_data": asin_performance_data,
    "search_query_performance": search_query_performance,
    "search_query_market": search_query_market,
}
"""Target table to the function that says what must stand in it."""
