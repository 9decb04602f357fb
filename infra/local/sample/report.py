"""Rows of one report: an account, a period, as many rows as asked, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from infra.local.sample.accounts import Account, Product

STAGES = ("click", "cart_add", "purchase")
SEED = 20250105

type Row = dict[str, Any]
"""A row under the snake_case names of the landing table."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is asked for: `rows` rows of `account` for the period, restated `revision` times."""

    account: Account
    report_period: str
    start_date: date
    end_date: date
    rows: int
    percent: bool
    """Shares and rates as 0–100 rather than as fractions."""
    revision: int = 0


_HEADS = ("knife", "chef knife", "sharpener", "whetstone", "cutting board", "käsemesser", "peeler", "schäler", "包丁")
_TAILS = ("", "professional", "set", "for kitchen", "großes", "gift", "left handed", "20 cm", "best", "electric")


def query_text(rank: int) -> str:
    """The query of a rank: 0 is the most searched one. Distinct ranks give distinct query keys."""
    head, rest = _HEADS[rank % len(_HEADS)], rank // len(_HEADS)
    tail, number = _TAILS[rest % len(_TAILS)], rest // len(_TAILS)
    return " ".join(part for part in (head, tail, f"no {number}" if number else "") if part)


def _wide(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


VARIANTS: tuple[Callable[[str], str], ...] = (
    str.title,
    lambda text: f"  {text.replace(' ', '   ')} ",
    _wide,
    str.upper,
    lambda text: text.replace(" ", "\u00a0") + "\u3000",
)
"""Ways of writing a query that leave its key what it is."""


def _totals(random: Random, rank: int, weight: float) -> Row:
    volume = int(weight * 300_000 / (rank + 6) ** 0.9 * random.uniform(0.8, 1.2)) + 3
    counts = {"click": int(volume * random.uniform(0.25, 0.5))}
    counts["cart_add"] = int(counts["click"] * random.uniform(0.08, 0.25))
    counts["purchase"] = int(counts["cart_add"] * random.uniform(0.25, 0.6))
    totals: Row = {
        "search_query_volume": volume,
        "total_query_impression_count": int(volume * random.uniform(8, 18)),
    }
    for stage in STAGES:
        totals[f"total_{stage}_count"] = count = counts[stage]
        price = round(random.uniform(8, 60), 2)
        totals[f"total_median_{stage}_price_amount"] = price if count else None
        for speed, part in (("same", 0.08), ("one", 0.2), ("two", 0.4)):
            totals[f"total_{speed}_day_shipping_{stage}_count"] = int(count * part)
    return totals


def _restate(random: Random, totals: Row) -> Row:
    if random.random() >= 0.3:
        return totals
    changed = {
        **totals,
        "total_query_impression_count": totals["total_query_impression_count"] + random.randint(1, 900),
    }
    return {**changed, "total_click_count": totals["total_click_count"] + random.randint(1, 40)}


def _own(random: Random, totals: Row, product: Product, account: Account) -> Row:
    impressions = int(totals["total_query_impression_count"] * random.uniform(0.0002, 0.018)) + 1
    own: Row = {"asin_impression_count": impressions}
    rest = impressions
    for stage, odds in (("click", 0.06), ("cart_add", 0.3), ("purchase", 0.7)):
        rest = min(int(rest * random.uniform(0, odds)), totals[f"total_{stage}_count"])
        own[f"asin_{stage}_count"] = rest
        price = round(random.uniform(9, 45), 2)
        own[f"asin_median_{stage}_price_amount"] = price if rest else None
        for side in ("total", "asin"):
            amount = (
                totals[f"total_median_{stage}_price_amount"]
                if side == "total"
                else own[f"asin_median_{stage}_price_amount"]
            )
            own[f"{side}_median_{stage}_price_currency_code"] = None if amount is None else account.currency
    return {"asin": product.asin, "parent_asin": product.parent_asin, "title": product.title, **own}


def _ratios(row: Row, percent: bool) -> Row:
    def ratio(part: int, whole: int) -> float | None:
        if not whole:
            return None
        return round(100 * part / whole, 2) if percent else round(part / whole, 4)

    ratios: Row = {
        "asin_impression_share": ratio(row["asin_impression_count"], row["total_query_impression_count"]),
    }
    for stage in STAGES:
        ratios[f"asin_{stage}_share"] = ratio(row[f"asin_{stage}_count"], row[f"total_{stage}_count"])
        ratios[f"total_{stage}_rate"] = ratio(row[f"total_{stage}_count"], row["search_query_volume"])
    return ratios


def _split(random: Random, text: str, own: Row) -> Iterator[tuple[str, Row]]:
    """The same counts under one spelling, or now and then shared out over two."""
    if random.random() >= 0.03 or own["asin_impression_count"] < 2:
        yield text, own
        return
    counts = ["asin_impression_count", *(f"asin_{stage}_count" for stage in STAGES)]
    halves = {name: own[name] // 2 for name in counts}
    yield text, {**own, **halves}
    variant = random.choice(VARIANTS)(text)
    if variant != text:
        yield variant, {**own, **{name: own[name] - halves[name] for name in counts}}
    else:
        yield f"{text} ", {**own, **{name: own[name] - halves[name] for name in counts}}


def _query(report: Report, random: Random, restated: Random, rank: int, weight: float) -> Iterator[Row]:
    account = report.account
    text = f"🔪 {query_text(rank)}" if rank % 37 == 1 else query_text(rank)
    totals = _totals(random, rank, weight)
    if report.revision:
        totals = _restate(restated, totals)
    own_asins = 45 if rank == 0 else min(1 + int(random.expovariate(0.5)), 40)
    for product in random.sample(account.products, own_asins):
        for spelling, own in _split(random, text, _own(random, totals, product, account)):
            row = {**totals, **own, "search_query": spelling, "search_query_score": rank + 1}
            yield {**row, **_ratios(row, report.percent)}


def report_rows(report: Report) -> Iterator[Row]:
    """The report's rows, most searched query first; the last query may be cut off at `rows`."""
    account = report.account
    name = f"{account.client_id}/{account.marketplace_id}/{report.report_period}/{report.start_date}"
    random, restated = Random(f"{SEED}/{name}"), Random(f"{SEED}/{name}/{report.revision}")
    weight = {"WEEK": 1.0, "MONTH": 4.3, "QUARTER": 13.0}[report.report_period]
    identity = {
        "client_id": account.client_id,
        "seller_id": account.seller_id,
        "marketplace_id": account.marketplace_id,
        "report_period": report.report_period,
        "start_date": report.start_date,
        "end_date": report.end_date,
    }
    left, rank = report.rows, 0
    while left:
        for row in _query(report, random, restated, rank, weight):
            if not left:
                return
            left -= 1
            yield {**identity, **row}
        rank += 1
