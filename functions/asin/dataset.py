"""The ASIN dataset: what each own ASIN got in a period, summed over all of its search queries."""

from __future__ import annotations

from pathlib import Path

from shared.domain.dataset import Column, Dataset, Field

ASIN_PERFORMANCE = Dataset(
    name="asin_performance_data",
    fields=(
        Field(name="client_id", type="STRING"),
        Field(name="marketplace_id", type="STRING"),
        Field(name="report_period", type="STRING", default="'WEEK'"),
        Field(
            name="start_date",
            type="DATE",
            derived=(
                "CASE {report_period} WHEN 'WEEK' THEN DATE_SUB({end_date}, INTERVAL 6 DAY)"
                " WHEN 'MONTH' THEN DATE_TRUNC({end_date}, MONTH)"
                " WHEN 'QUARTER' THEN DATE_TRUNC({end_date}, QUARTER) END"
            ),
        ),
        Field(name="end_date", type="DATE", default="CAST(NULL AS DATE)"),
        Field(name="asin", type="STRING"),
        Field(name="parent_asin", type="STRING", default="CAST(NULL AS STRING)"),
        Field(name="title", type="STRING", default="CAST(NULL AS STRING)"),
        Field(name="search_query", type="STRING"),
        Field(name="total_query_impression_count", type="INT64", default="CAST(NULL AS INT64)"),
        Field(name="asin_impression_count", type="INT64"),
        Field(name="asin_click_count", type="INT64"),
        Field(name="asin_cart_add_count", type="INT64"),
        Field(name="asin_purchase_count", type="INT64"),
        Field(name="batch_id", type="STRING", default="CAST(NULL AS STRING)"),
        Field(name="ingested_at", type="TIMESTAMP", default="CAST(NULL AS TIMESTAMP)"),
    ),
    sql=Path(__file__).with_name("source.sql").read_text(encoding="utf-8"),
    columns=(
        Column(name="client_id", type="STRING"),
        Column(name="marketplace_id", type="STRING"),
        Column(name="report_period", type="STRING"),
        Column(name="period_start", type="DATE"),
        Column(name="period_end", type="DATE"),
        Column(name="asin", type="STRING"),
        Column(name="parent_asin", type="STRING"),
        Column(name="title", type="STRING"),
        Column(name="n_queries", type="INT64"),
        Column(name="asin_impression_count", type="INT64"),
        Column(name="asin_click_count", type="INT64"),
        Column(name="asin_cart_add_count", type="INT64"),
        Column(name="asin_purchase_count", type="INT64"),
    ),
    key_columns=("client_id", "marketplace_id", "report_period", "period_start", "asin"),
    scope_column="period_start",
    scope_field="start_date",
    checks={
        "scope_min_ratio": 0.5,
        "scope_history": 12,
        "duplicate_keys": {"max": 0, "outcome": "warn"},
        "own_counts_missing": {"max": 0, "outcome": "hold"},
        "period_not_whole": {"max": 0, "outcome": "hold"},
        "negative_count": {"max": 0, "outcome": "hold"},
    },
    report_columns=("client_id", "marketplace_id", "report_period"),
)
"""One row per own ASIN × period, its counts summed over all queries."""
