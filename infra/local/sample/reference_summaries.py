"""What the summaries must contain, reckoned in Python from what the tables must contain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from infra.local.sample.reference import Row
from infra.local.sample.report import STAGES

type BrandOfAsin = Mapping[tuple[str, str, str], str]
"""Brand by client, marketplace and ASIN; what is not in it is unmapped."""

_OWN = ("asin_impression_count", *(f"asin_{stage}_count" for stage in STAGES))
_MARKET = ("search_query_volume", "total_query_impression_count", *(f"total_{stage}_count" for stage in STAGES))
_QUERY = ("client_id", "marketplace_id", "report_period", "period_start", "search_query_key")
_WEEK = ("client_id", "marketplace_id", "period_start")


def _add(sums: Row, row: Row, names: Iterable[str]) -> None:
    for name in names:
        if row[name] is not None:
            sums[name] = (sums[name] or 0) + row[name]


def _sums(keys: Mapping[str, Any]) -> Row:
    return {**keys, **dict.fromkeys((*_OWN, *_MARKET))}


def weekly_summary(performance: Iterable[Row], market: Iterable[Row]) -> list[Row]:
    """The keys and counts of weekly_summary, without its ratios."""
    weeks: dict[tuple[Any, ...], Row] = {}
    for rows, names in ((performance, _OWN), (market, _MARKET)):
        for row in rows:
            if row["report_period"] == "WEEK":
                keys = {name: row[name] for name in _WEEK}
                _add(weeks.setdefault(tuple(keys.values()), _sums(keys)), row, names)
    return list(weeks.values())


def search_performance_summary(
    performance: Iterable[Row], market: Iterable[Row], brand_of_asin: BrandOfAsin
) -> list[Row]:
    """The keys and counts of search_performance_summary, without its ratios."""
    totals = {tuple(row[name] for name in _QUERY): row for row in market}
    own: dict[tuple[Any, ...], Row] = {}
    asins: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    for row in performance:
        brand = brand_of_asin.get((row["client_id"], row["marketplace_id"], row["asin"]), "unmapped")
        keys = {name: row[name] for name in _QUERY} | {"brand": brand}
        place = tuple(keys.values())
        _add(own.setdefault(place, _sums(keys)), row, _OWN)
        asins[place].add(row["asin"])
    for place, row in own.items():
        _add(row, totals[place[:-1]], _MARKET)
        row["n_own_asins"] = len(asins[place])
    return list(own.values())
