"""What is wrong, said so that somebody who knows nothing can act; and whether all is well. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from functions.api.machinery_alerts import of_findings, of_machinery
from functions.api.overview import TableOutline
from functions.api.schemas.status import Alert, Facts, OverallStatus, Statistics, TableStatus
from functions.api.table_alerts import of_table


def alerts(notable: Sequence[TableStatus], facts: Facts) -> list[Alert]:
    """Everything that needs a person, the gravest first. `notable`: the tables that there can be one about."""
    found = [*of_machinery(facts), *of_findings(facts)]
    for table in notable:
        found += of_table(table, now=facts.now, dependents=facts.inputs_not_refreshed.get(table.table, ()))
    return sorted(found, key=lambda alert: (alert.severity != "critical", alert.table or ""))


def overall(found: Sequence[Alert]) -> OverallStatus:
    """failing: some data is old or not refreshed. degraded: something needs a look. healthy: nothing does."""
    if any(alert.severity == "critical" for alert in found):
        return "failing"
    return "degraded" if found else "healthy"


def statistics(tables: Sequence[TableOutline], facts: Facts) -> Statistics:
    """Counts over the tables."""
    live = [table for table in tables if table.mode == "live"]
    return Statistics(
        tables=len(tables),
        live=len(live),
        fresh=sum(not table.is_stale and table.data_as_of is not None and not table.is_missing for table in live),
        stale=sum(table.is_stale for table in live),
        running=sum(table.is_busy for table in tables),
        failed=sum(table.last_status == "failed" for table in live),
        held=sum(table.last_status == "held" for table in live),
        missing=sum(table.is_missing for table in live),
        disabled=sum(table.mode == "disabled" for table in tables),
        runs_open=facts.runs_open,
        last_day=facts.last_day,
    )


def summary(counts: Statistics, found: Sequence[Alert]) -> str:
    """One sentence: can the dashboards be trusted? And how many tables it does not speak of."""
    if counts.tables == 0:
        return "No table is registered to be refreshed."
    apart = counts.tables - counts.live
    return _verdict(counts, found) + (f" Not refreshed: {apart}." if apart else "")


def _verdict(counts: Statistics, found: Sequence[Alert]) -> str:
    said = f"{counts.fresh} of {counts.live} {'table is' if counts.live == 1 else 'tables are'} fresh"
    troubles = [
        f"{number} {word}"
        for number, word in (
            (counts.missing, "missing"),
            (counts.stale, "stale"),
            (counts.failed, "failed"),
            (counts.held, "held"),
            (sum(alert.kind == "not_equal" for alert in found), "not equal to the source"),
            (sum(alert.kind == "never_refreshed" for alert in found), "never refreshed"),
        )
        if number
    ]
    if troubles:
        return f"{said}; {', '.join(troubles)}."
    return f"{said}; nothing needs attention." if not found else f"{said}; {len(found)} warning(s)."
