"""What is wrong, said so that somebody who knows nothing can act; and whether all is well. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from functions.api.schemas.status import Alert, Facts, OverallStatus, Statistics, TableStatus

SWEEP_SILENCE = timedelta(minutes=5)
OWED_PATIENCE = timedelta(minutes=10)
_LOOK = (
    "Check the source. The dashboards show the data of before until better data comes, or until you decide: "
    "POST /api/refresh/tables/{table}/release publishes what was held, …/refuse keeps it from being published."
)
_DECIDE = {
    "cost_cap": "Raise the cap that the error names, or set a lookback, then trigger it.",
    "schema_drift": "Run the statement that the error has, or change the table's drift_policies, then trigger it.",
    "refused": "It was refused before; have it delivered again. If it is right after all, release it.",
    "rolled_back": "It was rolled back before; have it delivered again. If it is right after all, release it.",
}
_RETRY = "Read the error in GET /api/refresh/runs/{run}, mend its cause, then POST /api/refresh/runs/{run}/replay."


def alerts(tables: Sequence[TableStatus], facts: Facts) -> list[Alert]:
    """Everything that needs a person, the gravest first."""
    found = [*_of_machinery(facts), *_of_verifications(facts)]
    for table in tables:
        if table.mode == "live":
            found += _of_table(table)
    return sorted(found, key=lambda alert: (alert.severity != "critical", alert.table or ""))


def overall(found: Sequence[Alert]) -> OverallStatus:
    """failing: some data is old or not refreshed. degraded: something needs a look. healthy: nothing does."""
    if any(alert.severity == "critical" for alert in found):
        return "failing"
    return "degraded" if found else "healthy"


def statistics(tables: Sequence[TableStatus], facts: Facts) -> Statistics:
    """Counts over the tables."""
    live = [table for table in tables if table.mode == "live"]
    return Statistics(
        tables=len(tables),
        live=len(live),
        fresh=sum(not table.is_stale and table.data_as_of is not None for table in live),
        stale=sum(table.is_stale for table in live),
        running=sum(table.progress is not None for table in tables),
        failed=sum(table.last_status == "failed" for table in live),
        held=sum(table.last_status == "held" for table in live),
        disabled=sum(table.mode == "disabled" for table in tables),
        runs_open=facts.runs_open,
        last_day=facts.last_day,
    )


def summary(counts: Statistics, found: Sequence[Alert]) -> str:
    """One sentence: can the dashboards be trusted?"""
    if counts.live == 0:
        return "No table is registered to be refreshed."
    said = f"{counts.fresh} of {counts.live} tables are fresh"
    troubles = [
        f"{number} {word}"
        for number, word in (
            (counts.stale, "stale"),
            (counts.failed, "failed"),
            (counts.held, "held"),
            (sum(alert.kind == "never_refreshed" for alert in found), "never refreshed"),
        )
        if number
    ]
    if troubles:
        return f"{said}; {', '.join(troubles)}."
    return f"{said}; nothing needs attention." if not found else f"{said}; {len(found)} warning(s)."


def _of_table(table: TableStatus) -> Iterator[Alert]:
    run = {"run": str(table.last_run_id)}
    if table.last_status == "failed":
        yield _about(
            table,
            "failed",
            "critical",
            f"The last refresh failed ({table.last_reason}): {table.recent_error}",
            _RETRY.format(**run),
        )
    elif table.last_status == "held" and table.last_reason == "group_held":
        yield _about(
            table,
            "held",
            "critical" if table.is_stale else "warning",
            f"Nothing was published, because of another table of its publish group: {table.recent_error}.",
            "See to that table; a run of any table of the group takes all of them.",
        )
    elif table.last_status == "held":
        yield _about(
            table,
            "held",
            "critical" if table.is_stale else "warning",
            f"Nothing was published, because the new data looks wrong ({table.last_reason}): {table.recent_error}",
            _what_to_do(table),
        )
    elif table.last_status == "skipped" and table.last_reason != "superseded":
        yield _about(
            table,
            "skipped",
            "warning",
            f"The last refresh was skipped ({table.last_reason}).",
            "Mend the table that it waits for, then trigger it.",
        )
    elif table.last_status == "warning":
        yield _about(
            table,
            "quarantined",
            "warning",
            f"The last refresh published with a warning ({table.last_reason}).",
            _what_to_do(table) if table.hold else "See its run for the rows or scopes that were left out.",
        )
    if table.is_stale:
        yield _stale(table)
    elif table.data_as_of is None and table.last_status is None:
        what_to_do = "Wait for the daily trigger, or POST /api/refresh/trigger."
        if table.progress:
            what_to_do = "Its first refresh is under way."
        yield _about(table, "never_refreshed", "warning", "It has never been refreshed.", what_to_do)


def _what_to_do(table: TableStatus) -> str:
    """About what the table's last refresh has held."""
    if table.hold and table.hold.refused_by:
        decided = f"{table.hold.refused_by} has refused it: {table.hold.refused_because}."
        return f"{decided} Have it delivered again; the next refresh takes what is there then."
    return _DECIDE.get(table.last_reason or "", _LOOK).format(table=table.table)


def _stale(table: TableStatus) -> Alert:
    shown = f"Its data is of {table.data_as_of:%Y-%m-%d %H:%M} UTC" if table.data_as_of else "It has no data yet"
    doing = (
        "A refresh is under way."
        if table.progress
        else "Trigger the table, and look at the run if it does not end well."
    )
    return _about(
        table, "stale", "critical", f"{shown}; it should be refreshed every {table.frequency_hours} hours.", doing
    )


def _about(table: TableStatus, kind: str, severity: str, message: str, what_to_do: str) -> Alert:
    since = table.data_as_of if kind == "stale" else table.last_finished_at
    return Alert(severity=severity, kind=kind, table=table.table, message=message, what_to_do=what_to_do, since=since)  # type: ignore[arg-type]


def _of_verifications(facts: Facts) -> Iterator[Alert]:
    for one in facts.not_equal:
        yield Alert(
            severity="critical",
            kind="not_equal",
            table=one.table,
            since=one.finished_at,
            message=f"The last verification found a difference. {one.error}",
            what_to_do="Somebody else may write to the table. Refresh it with force, then verify it again: "
            'POST /api/refresh/trigger {"tables": […], "force": true}, POST /api/refresh/verify.',
        )


def _of_machinery(facts: Facts) -> Iterator[Alert]:
    if facts.swept_at is not None and facts.now - facts.swept_at > SWEEP_SILENCE:
        yield Alert(
            severity="critical",
            kind="sweep_silent",
            table=None,
            since=facts.swept_at,
            message="The sweep has not come to its end for more than five minutes.",
            what_to_do="Check the Cloud Scheduler job of the sweep, and the orchestrator's log.",
        )
    if facts.owed_since is not None and facts.now - facts.owed_since > OWED_PATIENCE:
        yield Alert(
            severity="critical",
            kind="messages_owed",
            table=None,
            since=facts.owed_since,
            message=f"{facts.messages_owed} message(s) have not been published.",
            what_to_do="Check Pub/Sub and the service accounts' rights; the sweep publishes them when it can.",
        )
    if facts.dead_letters:
        yield Alert(
            severity="warning",
            kind="dead_letters",
            table=None,
            since=None,
            message=f"{facts.dead_letters} message(s) of the last seven days were given up.",
            what_to_do="Read the reasons in GET /api/refresh/dead-letters, mend them, and send the messages again.",
        )
