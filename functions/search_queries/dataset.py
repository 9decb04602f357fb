"""The Search Query Performance datasets: ASIN × query rows, and the market of each query, from one kind of source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.domain.dataset import Column, Dataset, Field

STAGES = ("click", "cart_add", "purchase")
_SPEEDS = ("same", "one", "two")
REPORT_COLUMNS = ("client_id", "marketplace_id", "report_period")
_CHECKS: dict[str, Any] = {
    "scope_min_ratio": 0.5,
    "scope_history": 12,
    "own_exceeds_total": {"max": 0, "outcome": "warn"},
    "share_differs": {"max": 0, "outcome": "warn"},
    "duplicate_keys": {"max": 0, "outcome": "warn"},
    "share_unit_ambiguous": {"max": 0, "outcome": "hold"},
    "own_counts_missing": {"max": 0, "outcome": "hold"},
    "period_not_whole": {"max": 0, "outcome": "hold"},
    "negative_count": {"max": 0, "outcome": "hold"},
}
"""Both tables hold a scope for the same reasons: own counts never stand beside the market of another delivery."""
_START = (
    "CASE {report_period} WHEN 'WEEK' THEN DATE_SUB({end_date}, INTERVAL 6 DAY)"
    " WHEN 'MONTH' THEN DATE_TRUNC({end_date}, MONTH) WHEN 'QUARTER' THEN DATE_TRUNC({end_date}, QUARTER) END"
)
START_DATE = Field(name="start_date", type="DATE", derived=_START)
"""First day of the period; where the source has only its last day, reckoned from that."""


def _optional(name: str, kind: str) -> Field:
    return Field(name=name, type=kind, default=f"CAST(NULL AS {kind})")


def _stage_fields(stage: str) -> tuple[Field, ...]:
    prices = [
        field
        for side in ("total", "asin")
        for field in (
            _optional(f"{side}_median_{stage}_price_amount", "NUMERIC"),
            _optional(f"{side}_median_{stage}_price_currency_code", "STRING"),
        )
    ]
    return (
        Field(name=f"total_{stage}_count", type="INT64"),
        _optional(f"total_{stage}_rate", "NUMERIC"),
        Field(name=f"asin_{stage}_count", type="INT64"),
        _optional(f"asin_{stage}_share", "NUMERIC"),
        *prices,
        *(_optional(f"total_{speed}_day_shipping_{stage}_count", "INT64") for speed in _SPEEDS),
    )


FIELDS = (
    Field(name="client_id", type="STRING"),
    Field(name="marketplace_id", type="STRING"),
    Field(name="report_period", type="STRING", default="'WEEK'"),
    START_DATE,
    _optional("end_date", "DATE"),
    Field(name="asin", type="STRING"),
    _optional("parent_asin", "STRING"),
    _optional("title", "STRING"),
    Field(name="search_query", type="STRING"),
    _optional("search_query_score", "INT64"),
    Field(name="search_query_volume", type="INT64"),
    Field(name="total_query_impression_count", type="INT64"),
    Field(name="asin_impression_count", type="INT64"),
    _optional("asin_impression_share", "NUMERIC"),
    *(field for stage in STAGES for field in _stage_fields(stage)),
    _optional("batch_id", "STRING"),
    _optional("ingested_at", "TIMESTAMP"),
)
"""What a row of a source delivers. Both datasets take the same fields, so one column map serves both tables."""


def _columns(*columns: tuple[str, str]) -> tuple[Column, ...]:
    return tuple(Column(name=name, type=kind) for name, kind in columns)


def _market_columns(stage: str) -> tuple[Column, ...]:
    return _columns(
        (f"total_{stage}_count", "INT64"),
        (f"total_{stage}_rate", "NUMERIC"),
        (f"total_median_{stage}_price_amount", "NUMERIC"),
        (f"total_median_{stage}_price_currency_code", "STRING"),
        *((f"total_{speed}_day_shipping_{stage}_count", "INT64") for speed in _SPEEDS),
    )


def _own_columns(stage: str) -> tuple[Column, ...]:
    return _columns(
        (f"asin_{stage}_count", "INT64"),
        (f"asin_{stage}_share", "NUMERIC"),
        (f"asin_median_{stage}_price_amount", "NUMERIC"),
        (f"asin_median_{stage}_price_currency_code", "STRING"),
    )


def _sql(*names: str) -> str:
    return "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)


_PERIOD = (("client_id", "STRING"), ("marketplace_id", "STRING"), ("report_period", "STRING"), ("period_start", "DATE"))

SEARCH_QUERY_PERFORMANCE = Dataset(
    name="search_query_performance",
    fields=FIELDS,
    sql=_sql("latest.sql", "source.sql"),
    columns=(
        *_columns(
            *_PERIOD,
            ("period_end", "DATE"),
            ("asin", "STRING"),
            ("parent_asin", "STRING"),
            ("search_query_key", "STRING"),
            ("search_query", "STRING"),
            ("search_query_score", "INT64"),
            ("search_query_volume", "INT64"),
            ("total_query_impression_count", "INT64"),
            ("asin_impression_count", "INT64"),
            ("asin_impression_share", "NUMERIC"),
        ),
        *(column for stage in STAGES for column in (*_market_columns(stage), *_own_columns(stage))),
    ),
    key_columns=("client_id", "marketplace_id", "report_period", "period_start", "asin", "search_query_key"),
    scope_column="period_start",
    scope_field="start_date",
    checks=dict(_CHECKS),
    report_columns=REPORT_COLUMNS,
)
"""One row per own ASIN × query key × period: own counts, shares as fractions, totals as delivered (they repeat)."""

SEARCH_QUERY_MARKET = Dataset(
    name="search_query_market",
    fields=FIELDS,
    sql=_sql("latest.sql", "market.sql"),
    columns=(
        *_columns(
            *_PERIOD,
            ("period_end", "DATE"),
            ("search_query_key", "STRING"),
            ("search_query", "STRING"),
            ("search_query_volume", "INT64"),
            ("total_query_impression_count", "INT64"),
        ),
        *(column for stage in STAGES for column in _market_columns(stage)),
        *_columns(("n_own_asins", "INT64"), ("totals_disagree", "BOOL")),
    ),
    key_columns=("client_id", "marketplace_id", "report_period", "period_start", "search_query_key"),
    scope_column="period_start",
    scope_field="start_date",
    checks=_CHECKS | {"totals_disagree": {"max": 0, "outcome": "warn"}},
    report_columns=REPORT_COLUMNS,
)
"""One row per query key × period: volume and every total once, from all own ASINs before any brand filter."""
