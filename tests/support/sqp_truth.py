"""What a market really was, and deliveries of it that have every trap in them: known answers for files of any shape.

Nothing here looks at what a transform does. The truth is made first, the deliveries are spoilt copies of it, and the
figures are plain sums and fractions of the truth.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

type Row = dict[str, Any]
type Counts = tuple[int, ...]
type Figures = dict[str, Fraction | int | None]
type Period = tuple[str, date, date]
"""Kind, first and last day."""
STAGES = ("impression", "click", "cart_add", "purchase")
OWN = tuple(f"asin_{stage}_count" for stage in STAGES)
TOTALS = ("total_query_impression_count", *(f"total_{stage}_count" for stage in STAGES[1:]))
MARKET = ("search_query_volume", *TOTALS)
SHARES = tuple(f"asin_{stage}_share" for stage in STAGES)
PERIOD = ("client_id", "marketplace_id", "report_period", "period_start")
_TEXTS = {
    "knife sharpener": ("knife sharpener", " Knife  SHARPENER", "ｋｎｉｆｅ\u3000sharpener"),
    "strasse": ("straße", "STRASSE", "Strasse"),
    "包丁": ("包丁", "包丁 ", "\u00a0包丁"),
    "🔪 set": ("🔪 set", "🔪  SET", "🔪\tset"),
    "edge wise knife": ("edge wise knife", "Edge Wise Knife", "EDGE WISE KNIFE "),
    "rival": ("rival", "RIVAL", "Rival "),
}
"""Query keys, each with spellings that fall on it."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report: the market of each query, and what each own ASIN got on it."""

    client: str
    marketplace: str
    kind: str
    start: date
    end: date
    market: dict[str, Counts]
    """Volume, impressions, clicks, cart adds, purchases, by query key."""
    own: dict[tuple[str, str], Counts]
    """Impressions, clicks, cart adds, purchases, by ASIN and query key."""

    @property
    def key(self) -> tuple[str, str, str, date]:
        return self.client, self.marketplace, self.kind, self.start


def report(random_: random.Random, client: str, marketplace: str, period: Period) -> Report:
    """A report of random figures: own counts never above the market's, and some counts 0."""
    kind, start, end = period
    market: dict[str, Counts] = {}
    own: dict[tuple[str, str], Counts] = {}
    for query in _TEXTS:
        purchases = random_.randint(0, 300)
        clicks = purchases * random_.randint(4, 12) + random_.randint(30, 900)
        totals = (clicks * random_.randint(15, 40), clicks, purchases + random_.randint(0, purchases + 9), purchases)
        market[query] = (clicks * random_.randint(3, 9), *totals)
        for asin in random_.sample(("A1", "A2", "A3", "A4"), random_.randint(1, 4)):
            own[asin, query] = tuple(random_.randint(0, total // 5) for total in totals)
    return Report(client=client, marketplace=marketplace, kind=kind, start=start, end=end, market=market, own=own)


def delivered(report: Report, *, scale: int, arrived: datetime | None = None) -> Iterator[Row]:
    """The report as rows, one for each own ASIN and query; shares are own ÷ total × `scale`, in six decimals."""
    for (asin, query), counts in report.own.items():
        totals = report.market[query][1:]
        yield {
            "client_id": report.client,
            "marketplace_id": report.marketplace,
            "report_period": report.kind,
            "start_date": report.start,
            "end_date": report.end,
            "asin": asin,
            "parent_asin": "P1" if asin in ("A1", "A2") else None,
            "search_query": _TEXTS[query][0],
            "ingested_at": arrived,
            "batch_id": None if arrived is None else f"{arrived:%Y%m%d}",
            **dict(zip(MARKET, report.market[query], strict=True)),
            **dict(zip(OWN, counts, strict=True)),
            **{
                name: round(scale * own / total, 6) if total else None
                for name, own, total in zip(SHARES, counts, totals, strict=True)
            },
        }


def in_spellings(random_: random.Random, rows: Iterable[Row]) -> Iterator[Row]:
    """Some rows come as three, under three spellings of their query: own counts are spread, totals repeat."""
    spellings = {texts[0]: texts for texts in _TEXTS.values()}
    for row in rows:
        if random_.random() < 0.7:
            yield row
            continue
        rest = {name: row[name] for name in OWN}
        for text in spellings[row["search_query"]]:
            last = text == spellings[row["search_query"]][-1]
            part = {name: left if last else random_.randint(0, left) for name, left in rest.items()}
            rest = {name: left - part[name] for name, left in rest.items()}
            shares = {}
            for share, own, total in zip(SHARES, OWN, TOTALS, strict=True):
                unit = 100 if row[share] is not None and _is_percent(row) else 1
                shares[share] = round(unit * part[own] / row[total], 6) if row[total] else None
            yield row | part | shares | {"search_query": text}


def _is_percent(row: Row) -> bool:
    own, total = row["asin_impression_count"], row["total_query_impression_count"]
    return bool(own) and row["asin_impression_share"] > 10 * own / total


def earlier(random_: random.Random, rows: Iterable[Row], *, arrived: datetime) -> Iterator[Row]:
    """A delivery before the one that counts: other own counts, in fractions, of every row and once more of some."""
    for row in rows:
        counts = {name: random_.randint(0, row[total]) for name, total in zip(OWN, TOTALS, strict=True)}
        shares = {
            share: counts[own] / row[total] if row[total] else None
            for share, own, total in zip(SHARES, OWN, TOTALS, strict=True)
        }
        old = row | counts | shares | {"ingested_at": arrived, "batch_id": f"{arrived:%Y%m%d}"}
        yield old
        if random_.random() < 0.2:
            yield old


def weeks(first: date, count: int) -> list[Period]:
    """Weeks in a row."""
    days = [first + timedelta(weeks=number) for number in range(count)]
    return [("WEEK", day, day + timedelta(days=6)) for day in days]


def figures(own: Iterable[Counts], market: Iterable[Counts]) -> Figures:
    """Sums, and every ratio of the sums; a ratio without a denominator is None."""
    summed = dict(zip(OWN, map(sum, zip(*own, strict=True)), strict=True))
    summed |= dict(zip(MARKET, map(sum, zip(*market, strict=True)), strict=True))
    found: Figures = dict(summed)
    for stage, part, whole in zip(STAGES, OWN, TOTALS, strict=True):
        found[f"{stage}_share"] = _ratio(summed[part], summed[whole])
    for name, over, under in (
        ("click_through_rate", 1, 0),
        ("cart_add_rate", 2, 1),
        ("purchase_rate", 3, 1),
        ("cart_to_purchase_rate", 3, 2),
    ):
        found[name] = _ratio(summed[OWN[over]], summed[OWN[under]])
        found[f"market_{name}"] = _ratio(summed[TOTALS[over]], summed[TOTALS[under]])
    return found


def _ratio(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def of_queries(report: Report, queries: Iterable[str], asins: Iterable[str]) -> Figures:
    """Figures of some queries of a report: own counts of the ASINs, the market of each query once."""
    wanted, mine = set(queries), set(asins)
    own = [counts for (asin, query), counts in report.own.items() if query in wanted and asin in mine]
    return figures(own, [report.market[query] for query in sorted(wanted)])


def standing(report: Report) -> dict[str, set[str]]:
    """The own ASINs of each query that has any."""
    found: dict[str, set[str]] = defaultdict(set)
    for asin, query in report.own:
        found[query].add(asin)
    return dict(found)


def at_eight(day: date) -> datetime:
    """Eight in the morning of a day, UTC: midnight where the seller lives."""
    return datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
