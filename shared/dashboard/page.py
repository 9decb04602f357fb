"""The page: one HTML file that asks for nothing else, light and dark, from a desk to a phone."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from html import escape
from pathlib import Path

from shared.dashboard.charts import NARROW, WIDE, Line, line_chart, periods
from shared.dashboard.data import MIN_CLICKS, Dashboard
from shared.dashboard.figures import change, count, day, index, moment, percent, points
from shared.dashboard.tables import Cell, bar, section, shown, signed, table, text
from shared.ports import Row

_STAGES = (("impression", "Impressions"), ("click", "Clicks"), ("cart_add", "Cart adds"), ("purchase", "Purchases"))
_RATES = (
    ("Clicks per impression", "click_through_rate"),
    ("Cart adds per click", "cart_add_rate"),
    ("Purchases per click", "purchase_rate"),
    ("Purchases per cart add", "cart_to_purchase_rate"),
)
_PERIODS = {"WEEK": "week", "MONTH": "month", "QUARTER": "quarter"}
_NOTES = (
    "Amazon counts what happened on its search results page and within 24 hours of a search: these are not all sales.",
    "A report names about 100 queries of an ASIN, so sums over queries are floors, and a lost query may only have "
    "sunk below that.",
    "Weeks run from Sunday to Saturday. A year before a week is 364 days. Months and quarters are reports of their "
    "own, never sums of weeks.",
    "The market of a query is counted once, however many own ASINs stand on it. The market of a brand is that of the "
    "queries on which it stands; brands share queries, so their markets do not add up.",
    "Shares and rates are divided after summing. A dash means that there is nothing to divide by, or nothing to "
    "compare with: not 0.",
)


def render(board: Dashboard) -> str:
    """The whole document."""
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    title = f"{board.brand} – {board.client}, {board.marketplace}"
    body = "".join(
        (
            _header(board),
            _tiles(board),
            f'<div class="two">{_funnel(board)}{_movers(board)}</div>',
            _trend(board),
            _queries(board),
            _products(board),
            _shared(board),
            _freshness(board),
            section("How to read this", "", f'<ul class="notes">{"".join(f"<li>{note}</li>" for note in _NOTES)}</ul>'),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>{body}</main></body></html>\n"
    )


def _header(board: Dashboard) -> str:
    kind = _PERIODS[board.report_period]
    own = (board.client, board.marketplace, board.report_period)
    badges = [
        f'<span class="badge {row["data_status"]}">data {row["data_status"]}</span>'
        for row in board.freshness
        if (row["client_id"], row["marketplace_id"], row["report_period"]) == own
    ]
    return (
        f"<header><h1>{escape(board.brand)}</h1><span>{escape(board.client)} · {escape(board.marketplace)}</span>"
        f'<span class="soft">{kind} of {day(board.period_start)} to {day(board.period_end)}</span>'
        f"{''.join(badges)}</header>"
    )


def _tiles(board: Dashboard) -> str:
    kpis, kind = board.kpis, _PERIODS[board.report_period]
    tiles = []
    for stage, name in _STAGES:
        column = f"asin_{stage}_count"
        before, year = kpis[f"{column}_change"], kpis[f"{column}_year_change"]
        tiles.append(_tile(name, count(kpis[column]), kind, before, year, change))
    for stage, name in _STAGES:
        column = f"{stage}_share"
        gap, year = kpis[f"{column}_gap_pp"], kpis[f"{column}_year_gap_pp"]
        tiles.append(_tile(f"{name.removesuffix('s')} share", percent(kpis[column]), kind, gap, year, points))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(
    name: str,
    value: str,
    kind: str,
    before: Decimal | None,
    year: Decimal | None,
    form: Callable[[Decimal | None], str],
) -> str:
    return (
        f'<div class="tile"><span>{name}</span><b>{value}</b>'
        f"<span>{signed(before, form)} on the {kind} before</span>"
        f"<span>{signed(year, form)} on the year before</span></div>"
    )


def _funnel(board: Dashboard) -> str:
    kpis = board.kpis
    widest = max((kpis[f"{stage}_share"] or 0 for stage, _ in _STAGES), default=0)
    parts = []
    for stage, name in _STAGES:
        share = kpis[f"{stage}_share"]
        own = kpis[f"asin_{stage}_count"]
        total = kpis[f"total_{'query_' if stage == 'impression' else ''}{stage}_count"]
        width = 100 * float(share or 0) / float(widest) if widest else 0
        parts.append(
            f'<dt>{name}</dt><dd><span class="track"><span class="bar" style="width:{width:.1f}%"></span></span>'
            f"<b>{percent(share)}</b></dd><dd class='soft'>{count(own)} of {count(total)}</dd>"
        )
    rates = [{"name": name, "own": kpis[rate], "market": kpis[f"market_{rate}"]} for name, rate in _RATES]
    columns = (
        ("Rate", text("name")),
        ("Own", shown(percent, "own")),
        ("Market", shown(percent, "market")),
        ("Index", lambda row: index(row["own"] / row["market"] if row["own"] is not None and row["market"] else None)),
    )
    said = "The own part of the market at each stage, and how many go on to the next."
    return section(
        "From impression to purchase", said, f'<dl class="funnel">{"".join(parts)}</dl>{table(rates, columns)}'
    )


def _trend(board: Dashboard) -> str:
    reported = {row["period_start"]: row for row in board.series}
    days = periods(min(reported), max(reported), board.report_period)
    lines = [
        Line(name=name, values=[reported[start][f"{stage}_share"] if start in reported else None for start in days])
        for stage, name in _STAGES
    ]
    charts = "".join(
        f'<div class="{kind}">{line_chart("Shares of the market", days, lines, size)}</div>'
        for kind, size in (("wide", WIDE), ("narrow", NARROW))
    )
    legend = "".join(f'<li><i class="s{number}"></i>{line.name}</li>' for number, line in enumerate(lines, 1))
    said = f"Own counts ÷ the market's, {_PERIODS[board.report_period]} by {_PERIODS[board.report_period]}."
    return section("Shares of the market", said, f'{charts}<ul class="legend">{legend}</ul>')


def _queries(board: Dashboard) -> str:
    columns = (
        ("Query", text("search_query")),
        ("Lost purchases", bar(board.queries, "lost_purchases_gap")),
        ("Own purchases", shown(count, "asin_purchase_count")),
        ("Own clicks", shown(count, "asin_click_count")),
        ("Purchase share", shown(percent, "purchase_share")),
        ("Click share", shown(percent, "click_share")),
        ("CVR index", shown(index, "purchase_rate_index")),
        ("Class", text("class")),
    )
    said = (
        "Purchases missed at the market's purchase rate: max(0, c·P/C − p). "
        f"Queries with at least {MIN_CLICKS} own clicks."
    )
    return section("Queries by lost purchases", said, table(board.queries, columns))


def _movers(board: Dashboard) -> str:
    columns = (
        ("Query", text("search_query")),
        ("Before", shown(percent, "previous_share")),
        ("Now", shown(percent, "share")),
        ("Change", lambda row: signed(row["share_gap_pp"], points)),
    )
    said = "Purchase share against the period before, all own ASINs; at least 10 market purchases in both."
    return section("Share movers", said, table(board.movers[:8], columns))


def _product(row: Row) -> str:
    asin = escape(row["asin"])
    return f"{escape(row['title'])} <span class='soft small'>{asin}</span>" if row["title"] else asin


def _products(board: Dashboard) -> str:
    columns = (
        ("Product", _product),
        ("Purchases", bar(board.products, "asin_purchase_count")),
        ("Change", lambda row: signed(row["asin_purchase_count_change"], change)),
        ("Clicks", shown(count, "asin_click_count")),
        ("Purchase share", shown(percent, "purchase_share")),
        ("Queries", shown(count, "n_queries")),
    )
    return section("Products", "In the market of the queries on which each stands.", table(board.products, columns))


def _shared(board: Dashboard) -> str:
    columns = (
        ("Query", text("search_query")),
        ("Own ASINs", shown(count, "n_own_asins")),
        ("Own impressions", shown(count, "asin_impression_count")),
        ("HHI", shown(index, "impression_hhi")),
        ("Top ASIN", text("top_asin")),
        ("Its part", lambda row: percent(row["top_asin_impression_share"], 0)),
    )
    said = "Queries on which own ASINs compete with each other. HHI 1: one alone; 1/n: n of equal weight."
    return section("Cannibalisation", said, table(board.shared_queries, columns))


def _freshness(board: Dashboard) -> str:
    def badge(name: str) -> Cell:
        return lambda row: f'<span class="badge {row[name]}">{row[name]}</span>'

    columns = (
        ("Client", text("client_id")),
        ("Marketplace", text("marketplace_id")),
        ("Report", text("report_period")),
        ("Data", badge("data_status")),
        ("Last period ended", shown(day, "last_period_end")),
        ("Next expected", shown(day, "next_expected_on")),
        ("Missing", shown(count, "n_missing_periods")),
        ("Job", badge("job_status")),
        ("Last success", shown(moment, "job_last_success_at")),
    )
    said = "Whether reports came, and whether the job ran, are two questions: a job that finds nothing new is green."
    return section("Freshness", said, table(board.freshness, columns, left=5))
