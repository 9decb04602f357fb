"""Prometheus's text format. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from functions.api.overview import Overview
from functions.api.schemas.fields import EndedState
from functions.api.schemas.status import Facts

Sample = tuple[str, float]
"""Labels as they are written, and a value."""


def text(seen: Overview, ended: Mapping[str, int]) -> str:
    """All metrics. Ages are in seconds; a table that has no data yet has no age."""
    facts = seen.facts
    live = [(_label("table", one.table), one) for one in seen.tables if one.mode == "live"]
    groups = (
        _metric(
            "refresh_table_data_age_seconds",
            "gauge",
            "Age of the snapshot that the table shows.",
            [(label, (facts.now - one.data_as_of).total_seconds()) for label, one in live if one.data_as_of],
        ),
        _metric(
            "refresh_table_stale",
            "gauge",
            "1: older than one interval and an hour.",
            [(label, one.is_stale) for label, one in live],
        ),
        _metric(
            "refresh_table_freshness_score",
            "gauge",
            "1: fresh; 0: two intervals old.",
            [(label, one.freshness_score) for label, one in live],
        ),
        _metric(
            "refresh_table_failed",
            "gauge",
            "1: the last refresh failed.",
            [(label, one.last_status == "failed") for label, one in live],
        ),
        _metric(
            "refresh_table_held",
            "gauge",
            "1: the last refresh was held.",
            [(label, one.last_status == "held") for label, one in live],
        ),
        _metric(
            "refresh_tasks_ended_total",
            "counter",
            "Refreshes of tables that have ended.",
            [(_label("status", status), ended.get(status, 0)) for status in get_args(EndedState.__value__)],
        ),
        _metric("refresh_runs_open", "gauge", "Runs that have not ended.", [("", facts.runs_open)]),
        _metric("refresh_messages_owed", "gauge", "Messages that are not published yet.", [("", facts.messages_owed)]),
        _metric(
            "refresh_dead_letters",
            "gauge",
            "Dead letters of the last seven days, not sent again.",
            [("", facts.dead_letters)],
        ),
        _metric(
            "refresh_last_day_billed_bytes",
            "gauge",
            "Bytes billed in the last 24 hours.",
            [("", facts.last_day.bytes_billed)],
        ),
        _metric(
            "refresh_last_day_changed_rows",
            "gauge",
            "Rows written in the last 24 hours.",
            [("", facts.last_day.rows_changed)],
        ),
        _metric("refresh_sweep_age_seconds", "gauge", "Since the sweep last came to its end.", _sweep_age(facts)),
    )
    return "".join(groups)


def _sweep_age(facts: Facts) -> list[Sample]:
    return [] if facts.swept_at is None else [("", (facts.now - facts.swept_at).total_seconds())]


def _metric(name: str, kind: str, help_: str, samples: Iterable[Sample]) -> str:
    written = "".join([f"{name}{labels} {float(value)!r}\n" for labels, value in samples])
    return f"# HELP {name} {help_}\n# TYPE {name} {kind}\n{written}"


def _label(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{{{name}="{escaped}"}}'
