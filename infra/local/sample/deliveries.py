"""Which reports stand in which source table, and how a report's rows look there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from infra.local.sample.accounts import Account, accounts
from infra.local.sample.report import Report, Row, report_rows
from infra.local.sample.shapes import EXPORT

LAST_WEEK = date(2025, 6, 29)
"""Start of the newest week of day one; day two brings the week after."""

WEEKS = 26
MONTHS = (date(2025, 4, 1), date(2025, 5, 1), date(2025, 6, 1))
RESTATED_WEEK = LAST_WEEK - timedelta(weeks=3)
REDELIVERED_WEEK = LAST_WEEK - timedelta(weeks=10)
LATE_WEEK = LAST_WEEK - timedelta(weeks=6)
PARTIAL_WEEK = LAST_WEEK - timedelta(weeks=8)
"""A week some of whose rows came again with other totals: totals of one query disagree."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One arrival of one report in the landing table."""

    report: Report
    number: int = 1

    @property
    def batch_id(self) -> str:
        """Unique for each arrival."""
        account, report = self.report.account, self.report
        return (
            f"{account.client_id}-{account.marketplace_id}-{report.report_period}-{report.start_date:%Y%m%d}"
            f"-{self.number}"
        )

    @property
    def ingested_at(self) -> datetime:
        """3–10 days after the period closes, one whole week a fortnight later; redeliveries after that."""
        report = self.report
        days = 3 + (report.start_date.toordinal() // 7 + len(report.account.client_id)) % 8
        if report.start_date == LATE_WEEK and report.report_period == "WEEK":
            days += 14
        closed = datetime.combine(report.end_date, datetime.min.time(), UTC)
        return closed + timedelta(days=days + 21 * (self.number - 1), hours=4, minutes=17)


def _week(account: Account, start: date, rows: int, percent: bool) -> Report:
    return Report(
        account=account,
        report_period="WEEK",
        start_date=start,
        end_date=start + timedelta(days=6),
        rows=rows,
        percent=percent,
    )


def weeks() -> list[date]:
    """Starts of day one's weeks, oldest first."""
    return [LAST_WEEK - timedelta(weeks=back) for back in reversed(range(WEEKS))]


def export_week(start: date, rows: int) -> list[Report]:
    """A week of the export, one report an account, always percentages."""
    return [_week(account, start, rows, True) for account in accounts()]


def landing_week(start: date, rows: int) -> list[Report]:
    """A week of the landing table; the upstream changes its mind about the unit from week to week."""
    return [_week(account, start, rows, start.toordinal() // 7 % 2 == 0) for account in accounts()]


def landing_month(start: date, rows: int) -> list[Report]:
    """A month of the landing table, fractions."""
    end = (start + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return [
        Report(account=account, report_period="MONTH", start_date=start, end_date=end, rows=rows, percent=False)
        for account in accounts()
    ]


def restated(reports: list[Report], revision: int) -> list[Report]:
    """The same reports with other figures for about a third of the queries."""
    return [replace(report, revision=revision) for report in reports]


def export_rows(report: Report) -> Iterator[Row]:
    """The report's rows as the export has them."""
    account = report.account
    categories = {product.asin: product.category for product in account.products}
    start = datetime.combine(report.start_date, datetime.min.time(), UTC)
    for row in report_rows(report):
        named = {column.name: row.get(column.field) for column in EXPORT.columns if column.field}
        named["Date"], named["Category"] = start, categories[row["asin"]]
        named["Client Name"], named["Marketplace"] = account.client_name, account.marketplace_name
        yield named


def landing_rows(delivery: Delivery) -> Iterator[Row]:
    """The rows of one arrival in the landing table."""
    arrival = {
        "report_id": f"report-{delivery.batch_id}",
        "batch_id": delivery.batch_id,
        "source_file": f"sqp/{delivery.batch_id}.json.gz",
        "ingested_at": delivery.ingested_at,
    }
    for row in report_rows(delivery.report):
        yield {**row, **arrival}


def partial_rows(delivery: Delivery) -> Iterator[Row]:
    """Every twentieth row again, with other totals than the rows that did not come again."""
    for number, row in enumerate(landing_rows(delivery)):
        if number % 20 == 0:
            yield {**row, "search_query_volume": row["search_query_volume"] + 11}
