"""The two source shapes: BigQuery columns, in order, with the field of the datasets that each one feeds."""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.sample.report import STAGES


@dataclass(frozen=True, kw_only=True)
class SourceColumn:
    """A column of a source table; `field` is None where no dataset reads it."""

    name: str
    type: str
    field: str | None


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A source table. `dataset` has no hyphen (the emulator refuses one), `table` may."""

    dataset: str
    table: str
    columns: tuple[SourceColumn, ...]

    @property
    def column_map(self) -> dict[str, str]:
        """Source column to field, for the registry."""
        return {column.name: column.field for column in self.columns if column.field is not None}


def _export_columns() -> tuple[SourceColumn, ...]:
    columns = [
        ("Date", "TIMESTAMP", "start_date"),
        ("Client Name", "STRING", "client_id"),
        ("Marketplace", "STRING", "marketplace_id"),
        ("Parent ASIN", "STRING", "parent_asin"),
        ("Child ASIN", "STRING", "asin"),
        ("Product Name", "STRING", "title"),
        ("Category", "STRING", None),
        ("Search Query", "STRING", "search_query"),
        ("Search Query Score", "INT64", "search_query_score"),
        ("Search Query Volume", "INT64", "search_query_volume"),
        ("Total Query Impression Count", "INT64", "total_query_impression_count"),
        ("ASIN Impression Count", "INT64", "asin_impression_count"),
        ("ASIN Impression Share", "FLOAT64", "asin_impression_share"),
    ]
    for stage in STAGES:
        title = stage.replace("_", " ").title()
        columns += [
            (f"Total {title} Count", "INT64", f"total_{stage}_count"),
            (f"Total {title} Rate", "FLOAT64", f"total_{stage}_rate"),
            (f"ASIN {title} Count", "INT64", f"asin_{stage}_count"),
            (f"ASIN {title} Share", "FLOAT64", f"asin_{stage}_share"),
            (f"Total Median {title} Price Amount", "FLOAT64", f"total_median_{stage}_price_amount"),
            (f"ASIN Median {title} Price Amount", "FLOAT64", f"asin_median_{stage}_price_amount"),
        ]
        for speed in ("same", "one", "two"):
            name = f"Total {speed.title()} Day Shipping {title} Count"
            columns.append((name, "INT64", f"total_{speed}_day_shipping_{stage}_count"))
    return tuple(SourceColumn(name=name, type=kind, field=field) for name, kind, field in columns)


def _landing_columns() -> tuple[SourceColumn, ...]:
    columns = [
        ("client_id", "STRING"),
        ("seller_id", "STRING"),
        ("marketplace_id", "STRING"),
        ("report_period", "STRING"),
        ("start_date", "DATE"),
        ("end_date", "DATE"),
        ("asin", "STRING"),
        ("parent_asin", "STRING"),
        ("search_query", "STRING"),
        ("search_query_score", "INT64"),
        ("search_query_volume", "INT64"),
        ("total_query_impression_count", "INT64"),
        ("asin_impression_count", "INT64"),
        ("asin_impression_share", "FLOAT64"),
    ]
    for stage in STAGES:
        columns += [(f"{side}_{stage}_count", "INT64") for side in ("total", "asin")]
        columns += [(f"total_{stage}_rate", "FLOAT64"), (f"asin_{stage}_share", "FLOAT64")]
        for side in ("total", "asin"):
            columns.append((f"{side}_median_{stage}_price_amount", "NUMERIC"))
            columns.append((f"{side}_median_{stage}_price_currency_code", "STRING"))
        columns += [(f"total_{speed}_day_shipping_{stage}_count", "INT64") for speed in ("same", "one", "two")]
    read = [SourceColumn(name=name, type=kind, field=None if name == "seller_id" else name) for name, kind in columns]
    bookkeeping = [
        ("report_id", "STRING"),
        ("batch_id", "STRING"),
        ("source_file", "STRING"),
        ("ingested_at", "TIMESTAMP"),
    ]
    used = {"batch_id", "ingested_at"}
    read += [SourceColumn(name=name, type=kind, field=name if name in used else None) for name, kind in bookkeeping]
    return tuple(read)


EXPORT = Shape(dataset="sqp_export", table="seller-search_query_performance", columns=_export_columns())
"""Shape A: the flat export, names with spaces, percentages, no period, end date, currency or time of ingestion."""

LANDING = Shape(dataset="sqp_landing", table="search_query_performance", columns=_landing_columns())
"""Shape B: the append-only landing table with redeliveries."""
