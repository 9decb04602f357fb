"""Prometheus's text format. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from functions.api.schemas.status import Facts, TableStatus

Sample = tuple[Mapping[str, str], float]


def text(tables: Sequence[TableStatus], facts: Facts, ended: Mapping[str, int]) -> str:
    """All metrics. Ages are in seconds; a table that has no data yet has no age."""
    live = [table for table in tables if table.mode == "live"]
    ages = [({"table": one.table}, (facts.now - one.data_as_of).total_seconds()) for one in live if one.data_as_of]
    groups = (
        _metric("refresh_table_data_age_seconds", "gauge", "Age of the snapshot that the table shows.", ages),
        _metric(
            "refresh_table_stale",
            "gauge",
            "1: older than one interval and an hour.",
            [({"table": one.table}, one.is_stale) for one in live],
        ),
        _metric(
            "refresh_table_freshness_score",
            "gauge",
            "1: fresh; 0: two intervals old.",
            [({"table": one.table}, one.freshness_score) for one in live],
        ),
        _metric(
            "refresh_table_failed",
            "gauge",
            "1: the last refresh failed.",
            [({"table": one.table}, one.last_status == "failed") for one in live],
        ),
        _metric(
            "refresh_table_held",
            "gauge",
            "1: the last refresh was held.",
            [({"table": one.table}, one.last_status == "held") for one in live],
        ),
        _metric(
            "refresh_tasks_ended_total",
            "counter",
            "Refreshes of tables that have ended.",
            [({"status": status}, count) for status, count in sorted(ended.items())],
        ),
        _metric("refresh_runs_open", "gauge", "Runs that have not ended.", [({}, facts.runs_open)]),
        _metric("refresh_messages_owed", "gauge", "Messages that are not published yet.", [({}, facts.messages_owed)]),
        _metric(
            "refresh_dead_letters",
            "gauge",
            "Dead letters of the last seven days, not sent again.",
            [({}, facts.dead_letters)],
        ),
        _metric(
            "refresh_last_day_bytes_billed",
            "gauge",
            "Bytes billed in the last 24 hours.",
            [({}, facts.last_day.bytes_billed)],
        ),
        _metric(
            "refresh_last_day_rows_changed",
            "gauge",
            "Rows written in the last 24 hours.",
            [({}, facts.last_day.rows_changed)],
        ),
        _metric("refresh_sweep_age_seconds", "gauge", "Since the sweep last came to its end.", _sweep_age(facts)),
    )
    return "".join(line for group in groups for line in group)


def _sweep_age(facts: Facts) -> list[Sample]:
    return [] if facts.swept_at is None else [({}, (facts.now - facts.swept_at).total_seconds())]


def _metric(name: str, kind: str, help_: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {help_}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{shown}}} {float(value)!r}\n" if shown else f"{name} {float(value)!r}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
