"""A table's scope: the column, or bucket of it, whose values are planned, compared and published apart.

A scope value is text (None for NULL) and reads the same from BigQuery and from Postgres.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

from shared.domain.errors import InvalidRegistration
from shared.domain.quoting import postgres_identifier

MAX_SCOPE_VALUES = 10_000
_DATED = {"DATE": "{c}", "DATETIME": "DATE({c})", "TIMESTAMP": "DATE({c}, 'UTC')"}
_PLAIN = {"DATE", "STRING", "INT64", "BOOL"}
_HASHED = {"DATE", "STRING", "INT64"}


@dataclass(frozen=True, kw_only=True)
class Scope:
    """How rows are divided. `bucket` is day, week (from Sunday), month, `hash:N` or None (each value by itself)."""

    column: str
    source_type: str
    target_type: str
    bucket: str | None = None

    def check(self, table: str) -> None:
        """InvalidRegistration when the column's type cannot be divided this way."""
        what = f"{table}: scope column {self.column} is {self.source_type}"
        if self.bucket is None and self.source_type not in _PLAIN:
            remedy = "set scope_bucket to day, week or month" if self.dated else f"choose one of {_listed(_PLAIN)}"
            raise InvalidRegistration(f"{what}, whose values cannot be scopes one by one; {remedy}")
        if self.bucket is None:
            return
        if self.bucket.startswith("hash:") and self.source_type not in _HASHED:
            raise InvalidRegistration(f"{what}; scope_bucket {self.bucket} needs one of {_listed(_HASHED)}")
        if not self.bucket.startswith("hash:") and not self.dated:
            raise InvalidRegistration(f"{what}; scope_bucket {self.bucket} needs one of {_listed(set(_DATED))}")

    @property
    def dated(self) -> bool:
        """Whether scope values are dates."""
        return self.source_type in _DATED and not (self.bucket or "").startswith("hash:")

    def bigquery_value(self, column: str) -> str:
        """BigQuery expression of the scope value of a quoted column."""
        if self.bucket is None:
            return column if self.source_type == "STRING" else f"CAST({column} AS STRING)"
        if self.bucket.startswith("hash:"):
            digits = f"SUBSTR(TO_HEX(MD5(CAST({column} AS STRING))), 1, 8)"
            return f"CAST(MOD(CAST(CONCAT('0x', {digits}) AS INT64), {self._buckets}) AS STRING)"
        day = _DATED[self.source_type].format(c=column)
        unit = {"day": "DAY", "week": "WEEK(SUNDAY)", "month": "MONTH"}[self.bucket]
        return f"CAST(DATE_TRUNC({day}, {unit}) AS STRING)"

    def bigquery_between(self, column: str, low: str, high: str | None) -> str:
        """Condition on a raw, dated column, by which BigQuery can prune, for scope values from `low` (to `high`): it
        holds for exactly their rows."""
        day = _DATED[self.source_type].format(c=column)
        if high is None:
            return f"{day} >= {low}"
        last = {
            "week": f"DATE_ADD({high}, INTERVAL 6 DAY)",
            "month": f"DATE_SUB(DATE_ADD({high}, INTERVAL 1 MONTH), INTERVAL 1 DAY)",
        }
        return f"{day} BETWEEN {low} AND {last.get(self.bucket or '', high)}"

    def postgres_value(self, alias: str) -> str:
        """Postgres expression of the scope value of a target row."""
        column = f"{alias}.{postgres_identifier(self.column)}"
        if self.bucket is None:
            return f"{column}::text"
        if self.bucket.startswith("hash:"):
            return f"((('x' || substr(md5({column}::text), 1, 8))::bit(32)::bigint) % {self._buckets})::text"
        day = f"({column} AT TIME ZONE 'UTC')::date" if self.source_type == "TIMESTAMP" else f"{column}::date"
        return {
            "day": f"({day})::text",
            "week": f"({day} - extract(dow FROM {day})::integer)::text",
            "month": f"date_trunc('month', {day})::date::text",
        }[self.bucket]

    def postgres_condition(self, alias: str, parameter: str) -> str:
        """Condition that a target row's scope value is among a text[] parameter, NULL included; by index where one
        serves."""
        column = f"{alias}.{postgres_identifier(self.column)}"
        null = f"({column} IS NULL AND array_position({parameter}::text[], NULL) IS NOT NULL)"
        if self.bucket is None:
            return f"({column} = ANY ({parameter}::text[]::{self.target_type}[]) OR {null})"
        return f"({self.postgres_value(alias)} = ANY ({parameter}::text[]) OR {null})"

    def postgres_between(self, alias: str, low: str, high: str) -> str:
        """Condition that a target row's scope value is from one date parameter (text) to another; by index where one
        serves."""
        if self.bucket is None:
            return f"{alias}.{postgres_identifier(self.column)} BETWEEN CAST({low} AS date) AND CAST({high} AS date)"
        return f"{self.postgres_value(alias)} BETWEEN CAST({low} AS text) AND CAST({high} AS text)"

    def value_of(self, value: str | int | None) -> str | None:
        """The scope value of a source value as the quarantine keeps it: days and times as ISO 8601 text, in UTC."""
        if value is None:
            return None
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if self.bucket is None:
            return text
        if self.bucket.startswith("hash:"):
            digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            return str(int(digest[:8], 16) % self._buckets)
        day = date.fromisoformat(text[:10])
        if self.bucket == "week":
            day -= timedelta(days=(day.weekday() + 1) % 7)
        return (day.replace(day=1) if self.bucket == "month" else day).isoformat()

    @property
    def _buckets(self) -> int:
        return int((self.bucket or "hash:1").removeprefix("hash:"))


def _listed(types: set[str]) -> str:
    return ", ".join(sorted(types))


@dataclass(frozen=True, kw_only=True)
class ScanRange:
    """The scope values that a run scans, dates from one to another, both included; None: without end."""

    start: date | None = None
    end: date | None = None

    @property
    def scan_from(self) -> str | None:
        """The first scope value."""
        return self.start.isoformat() if self.start else None

    @property
    def scan_to(self) -> str | None:
        """The last scope value."""
        return self.end.isoformat() if self.end else None


def scan_range(
    scope: Scope | None, *, lookback_days: int | None, snapshot: date, backfill: tuple[date, date] | None = None
) -> ScanRange:
    """What a run scans: the range of a backfill, or from the lookback's first day on, each moved to the start of its
    bucket; everything where there is neither."""
    if backfill is not None:
        if scope is None or not scope.dated:
            raise InvalidRegistration("a backfill needs scopes that are dates; refresh the table as a whole")
        return ScanRange(start=_bucket_start(scope, backfill[0]), end=_bucket_start(scope, backfill[1]))
    if scope is None or lookback_days is None:
        return ScanRange()
    if not scope.dated:
        raise InvalidRegistration(f"lookback needs a date, {scope.column} is {scope.source_type}; set lookback to NULL")
    return ScanRange(start=_bucket_start(scope, snapshot - timedelta(days=lookback_days)))


def _bucket_start(scope: Scope, day: date) -> date:
    if scope.bucket == "week":
        return day - timedelta(days=(day.weekday() + 1) % 7)
    return day.replace(day=1) if scope.bucket == "month" else day
