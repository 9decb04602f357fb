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
_PERIOD = ("client_id", "marketplace_id", "report_period", "period_start")
_QUERY = (*_PERIOD, "search_query_key")
_TOTALS = {"WEEK": "weekly_summary", "MONTH": "monthly_summary", "QUARTER": "quarterly_summary"}


def summaries(performance: list[Row], market: list[Row], brands: BrandOfAsin) -> dict[str, list[Row]]:
    """The keys and counts of every summary, without its ratios; the sample classifies no query."""
    by_query = search_performance_summary(performance, market, brands)
    totals = _totals(performance, market)
    found = {
        "search_performance_summary": by_query,
        "brand_period_summary": _rolled_up(by_query, (*_PERIOD, "brand"), (*_OWN, *_MARKET)),
        "asin_period_summary": _asin_period_summary(performance, market),
        "query_class_summary": [row | {"class": "generic"} for row in totals],
        "cannibalisation_summary": _cannibalisation_summary(performance),
    }
    for kind, name in _TOTALS.items():
        rows = [row for row in totals if row["report_period"] == kind]
        found[name] = [{key: value for key, value in row.items() if key != "report_period"} for row in rows]
    return found


def search_performance_summary(
    performance: Iterable[Row], market: Iterable[Row], brand_of_asin: BrandOfAsin
) -> list[Row]:
    """The keys and counts of search_performance_summary, without its ratios."""
    totals = _by_query(market)
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


def _asin_period_summary(performance: Iterable[Row], market: Iterable[Row]) -> list[Row]:
    totals = _by_query(market)
    rows = [row | {name: totals[_place(row, _QUERY)][name] for name in _MARKET} for row in performance]
    return _rolled_up(rows, (*_PERIOD, "asin"), (*_OWN, *_MARKET))


def _totals(performance: Iterable[Row], market: Iterable[Row]) -> list[Row]:
    periods = {_place(row, _PERIOD): row for row in _rolled_up(market, _PERIOD, _MARKET)}
    for row in performance:
        _add(periods[_place(row, _PERIOD)], row, _OWN)
    return list(periods.values())


def _cannibalisation_summary(performance: Iterable[Row]) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in performance:
        groups[_place(row, _QUERY)].append(row)
    found = []
    for place, rows in groups.items():
        seen = sorted((-(row["asin_impression_count"] or 0), row["asin"]) for row in rows)
        shown = [asin for impressions, asin in seen if impressions]
        if len(shown) >= 2:
            keys = dict(zip(_QUERY, place, strict=True)) | {"n_own_asins": len(shown), "top_asin": shown[0]}
            sums: Row = keys | dict.fromkeys(_OWN)
            for row in rows:
                _add(sums, row, _OWN)
            found.append(sums)
    return found


def _rolled_up(rows: Iterable[Row], names: tuple[str, ...], summed: tuple[str, ...]) -> list[Row]:
    groups: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        keys = {name: row[name] for name in names}
        sums = groups.setdefault(tuple(keys.values()), _sums(keys) | {"n_queries": 0})
        sums["n_queries"] += 1
        _add(sums, row, summed)
    return list(groups.values())


def _by_query(market: Iterable[Row]) -> dict[tuple[Any, ...], Row]:
    return {_place(row, _QUERY): row for row in market}


def _place(row: Row, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _add(sums: Row, row: Row, names: Iterable[str]) -> None:
    for name in names:
        if row[name] is not None:
            sums[name] = (sums[name] or 0) + row[name]


def _sums(keys: Mapping[str, Any]) -> Row:
    return {**keys, **dict.fromkeys((*_OWN, *_MARKET))}
