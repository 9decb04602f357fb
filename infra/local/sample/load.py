"""The two days of the sample: everything on day one; one restated week, one new week and a vanished row on day two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise

from google.cloud import bigquery

from infra.local.sample.deliveries import (
    LAST_WEEK,
    MONTHS,
    PARTIAL_WEEK,
    REDELIVERED_WEEK,
    RESTATED_WEEK,
    WEEKS,
    Delivery,
    export_rows,
    export_week,
    landing_month,
    landing_rows,
    landing_week,
    partial_rows,
    restated,
    weeks,
)
from infra.local.sample.products import change_products, create_products, products_id
from infra.local.sample.report import Report, Row, report_rows
from infra.local.sample.shapes import EXPORT, LANDING
from infra.local.sample.tables import append_rows, create_table, table_id

NEW_WEEK = LAST_WEEK + timedelta(weeks=1)
_ACCOUNTS = 4
_EXPORT_REPORTS = _ACCOUNTS * WEEKS
_LANDING_REPORTS = _ACCOUNTS * (WEEKS + len(MONTHS) + 1)
MIN_ROWS = 10 * (_EXPORT_REPORTS + _LANDING_REPORTS)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What day two did to one source table. Nothing but `restated` and `added` may move on in the target."""

    source: str
    restated: tuple[str, ...] = ()
    """Scope values with changed rows; a vanished row is one of theirs."""
    added: tuple[str, ...] = ()
    redelivered: tuple[str, ...] = ()
    """Scope values that came again with no more than another batch and time of ingestion."""
    vanished_rows: int = 0


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """How many rows each source table got."""

    rows: dict[str, int]


def _rows_per_report(rows: int) -> tuple[int, int]:
    if rows < MIN_ROWS:
        raise ValueError(f"rows is {rows}, but the sample needs at least {MIN_ROWS}")
    return int(rows * 0.45) // _EXPORT_REPORTS, int(rows * 0.54) // _LANDING_REPORTS


def _product_count(rows: int) -> int:
    return min(2_000, rows // 100)


def _export_day_one(per_report: int) -> Iterator[Row]:
    for start in weeks():
        for report in export_week(start, per_report):
            yield from export_rows(report)
    yield from islice(export_rows(export_week(PARTIAL_WEEK, per_report)[0]), 0, None, 50)


def _landing_day_one(per_report: int) -> Iterator[Row]:
    for start in weeks():
        for report in landing_week(start, per_report):
            yield from landing_rows(Delivery(report=report))
    for start in MONTHS:
        for report in landing_month(start, per_report):
            yield from landing_rows(Delivery(report=report))
    for report in restated(landing_week(weeks()[4], per_report), 1):
        yield from landing_rows(Delivery(report=report, number=2))
    for report in landing_week(PARTIAL_WEEK, per_report):
        yield from partial_rows(Delivery(report=report, number=2))


def load_day_one(client: bigquery.Client, project: str, rows: int) -> Loaded:
    """Make all source tables afresh, with about `rows` rows in total.

    Raises ValueError for fewer than MIN_ROWS.
    """
    export, landing = _rows_per_report(rows)
    create_table(client, project, EXPORT)
    create_table(client, project, LANDING)
    counts = {
        table_id(project, EXPORT): append_rows(client, project, EXPORT, _export_day_one(export)),
        table_id(project, LANDING): append_rows(client, project, LANDING, _landing_day_one(landing)),
        products_id(project): create_products(client, project, _product_count(rows)),
    }
    return Loaded(rows=counts)


def _vanishing(report: Report) -> Row:
    """A row of the report that shares neither its ASIN with the rows beside it nor its key with a second spelling."""
    rows = list(islice(report_rows(report), 9))
    for before, (row, after) in zip(rows, pairwise(rows[1:]), strict=False):
        if row["asin"] not in (before["asin"], after["asin"]):
            return row
    raise ValueError(f"no row of the {report.report_period} of {report.start_date} can be taken away on its own")


def _delete(client: bigquery.Client, statement: str, values: dict[str, str | date | datetime]) -> None:
    kinds = {str: "STRING", date: "DATE", datetime: "TIMESTAMP"}
    bound = [bigquery.ScalarQueryParameter(name, kinds[type(value)], value) for name, value in values.items()]
    client.query(statement, job_config=bigquery.QueryJobConfig(query_parameters=bound)).result()


def _export_day_two(client: bigquery.Client, project: str, per_report: int) -> Change:
    table = table_id(project, EXPORT)
    start = datetime.combine(RESTATED_WEEK, datetime.min.time(), UTC)
    _delete(client, f"DELETE FROM `{table}` WHERE `Date` = @start", {"start": start})
    reports = restated(export_week(RESTATED_WEEK, per_report), 1)
    gone = _vanishing(reports[0])

    def rows() -> Iterator[Row]:
        for number, report in enumerate(reports):
            for row in export_rows(report):
                if number or (row["Child ASIN"], row["Search Query"]) != (gone["asin"], gone["search_query"]):
                    yield row
        for report in export_week(NEW_WEEK, per_report):
            yield from export_rows(report)

    append_rows(client, project, EXPORT, rows())
    return Change(source=table, restated=(str(RESTATED_WEEK),), added=(str(NEW_WEEK),), vanished_rows=1)


def _landing_day_two(client: bigquery.Client, project: str, per_report: int) -> Change:
    reports = restated(landing_week(RESTATED_WEEK, per_report), 1)

    def rows() -> Iterator[Row]:
        for report in reports:
            yield from landing_rows(Delivery(report=report, number=2))
        for report in landing_week(REDELIVERED_WEEK, per_report):
            yield from landing_rows(Delivery(report=report, number=2))
        for report in landing_week(NEW_WEEK, per_report):
            yield from landing_rows(Delivery(report=report))

    append_rows(client, project, LANDING, rows())
    gone, table = _vanishing(reports[0]), table_id(project, LANDING)
    _delete(
        client,
        f"DELETE FROM `{table}` WHERE start_date = @start AND client_id = @client AND marketplace_id = @marketplace"
        " AND report_period = 'WEEK' AND asin = @asin AND search_query = @query",
        {
            "start": RESTATED_WEEK,
            "client": gone["client_id"],
            "marketplace": gone["marketplace_id"],
            "asin": gone["asin"],
            "query": gone["search_query"],
        },
    )
    return Change(
        source=table,
        restated=(str(RESTATED_WEEK),),
        added=(str(NEW_WEEK),),
        redelivered=(str(REDELIVERED_WEEK),),
        vanished_rows=1,
    )


def apply_day_two(client: bigquery.Client, project: str, rows: int) -> list[Change]:
    """Change the source tables as a day does; `rows` as given to `load_day_one`. One change a source table."""
    export, landing = _rows_per_report(rows)
    restated_categories = change_products(client, project)
    return [
        _export_day_two(client, project, export),
        _landing_day_two(client, project, landing),
        Change(source=products_id(project), restated=restated_categories, vanished_rows=1),
    ]
