"""What the dashboard shows, read from the views and functions of one warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.ports import Row, Session
from shared.sql import statement


class NothingToShowError(Exception):
    """The warehouse has no published report of what was asked for; the message says what it has."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Whose dashboard; None is chosen from what there is: most purchases in the latest period."""

    schema: str = "sqp"
    client: str | None = None
    marketplace: str | None = None
    report_period: str = "WEEK"
    brand: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """Rows of the views, by part of the page."""

    client: str
    marketplace: str
    report_period: str
    brand: str
    period_start: date
    period_end: date
    kpis: Row
    series: list[Row]
    queries: list[Row]
    movers: list[Row]
    shared_queries: list[Row]
    products: list[Row]
    freshness: list[Row]


PERIODS = 53
ROWS = 10
MIN_CLICKS = 5
_CHOICES = 20


def read_dashboard(session: Session, choice: Choice) -> Dashboard:
    """The dashboard of the choice; the session's transaction decides of which moment.

    NothingToShowError when there is no such warehouse, or its summaries have nothing of it.
    """
    schema = _quoted(session, choice.schema)
    kpis = _latest(session, schema, choice)
    report = {
        "client": kpis["client_id"],
        "marketplace": kpis["marketplace_id"],
        "report_period": kpis["report_period"],
        "period_start": kpis["period_start"],
    }
    of_brand = report | {"brand": kpis["brand"]}

    def rows(name: str, **parameters: Any) -> list[Row]:
        return session.run(statement(name).format(schema=schema), **parameters)

    return Dashboard(
        **of_brand,
        period_end=kpis["period_end"],
        kpis=kpis,
        series=rows("read_brand_series", **of_brand, limit=PERIODS),
        queries=rows("read_brand_queries", **of_brand, min_clicks=MIN_CLICKS, limit=ROWS),
        movers=rows("read_share_movers", **report, limit=ROWS),
        shared_queries=rows("read_shared_queries", **report, limit=ROWS),
        products=rows("read_brand_products", **of_brand, limit=ROWS),
        freshness=rows("read_freshness"),
    )


def _quoted(session: Session, schema: str) -> str:
    known = {row["name"]: row["quoted"] for row in session.run(statement("read_warehouses"))}
    if schema not in known:
        raise NothingToShowError(f"there is no warehouse {schema}; there is {', '.join(known) or 'none'}")
    return str(known[schema])


def _latest(session: Session, schema: str, choice: Choice) -> Row:
    rows = session.run(
        statement("read_brand_latest").format(schema=schema),
        report_period=choice.report_period,
        client=choice.client,
        marketplace=choice.marketplace,
        brand=choice.brand,
    )
    if rows:
        return rows[0]
    known = session.run(statement("read_brand_choices").format(schema=schema), limit=_CHOICES)
    listed = "; ".join(" / ".join(row.values()) for row in known)
    raise NothingToShowError(
        f"no summary of that client, marketplace, report period and brand; there is: {listed}"
        if listed
        else f"the summaries of {schema} are empty: refresh the tables first"
    )
