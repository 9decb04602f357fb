"""What is wrong with one table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from functions.api.schemas.status import Alert, TableStatus

_LOOK = (
    "Check the source. The dashboards show the data of before until better data comes, or until you decide: "
    "POST /api/refresh/tables/{table}/release publishes what was held, POST /api/refresh/tables/{table}/refuse keeps "
    "it from being published."
)
_DECIDE = {
    "cost_cap": "Raise the cap that the error names, or set a lookback, then trigger it.",
    "schema_drift": "Run the statement that the error has, or change the table's drift_policies, then trigger it.",
    "refused": "It was refused before; have it delivered again. If it is right after all, release it.",
    "rolled_back": "It was rolled back before; have it delivered again. If it is right after all, release it.",
}
_LEFT_OUT = "See GET /api/refresh/runs/{run} for the rows or scopes that were left out."
_RETRY = "Read the error in GET /api/refresh/runs/{run}, mend its cause, then POST /api/refresh/runs/{run}/replay."
_LATE = timedelta(hours=1)


def of_table(table: TableStatus, *, now: datetime, dependents: Sequence[str]) -> Iterator[Alert]:
    """Its alerts. `dependents`: live tables that are made from it, though it is not live."""
    if table.is_missing:
        if table.mode != "disabled":
            yield _missing(table)
    elif table.mode == "live":
        yield from _of_refresh(table)
        yield from _of_quarantine(table)
        yield from _of_age(table)
    else:
        if table.mode != "disabled":
            yield from (_aside(table, alert) for alert in _of_refresh(table))
        if dependents or _is_old(table, now):
            yield _not_refreshed(table, dependents)


def _of_refresh(table: TableStatus) -> Iterator[Alert]:
    """About how its last refresh ended."""
    if table.last_status == "failed":
        yield _about(
            table,
            "failed",
            "critical",
            f"The last refresh failed ({table.last_reason}): {table.recent_error}",
            _RETRY.format(run=table.last_run_id),
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
            _what_to_do(table) if table.hold else _LEFT_OUT.format(run=table.last_run_id),
        )


def _of_quarantine(table: TableStatus) -> Iterator[Alert]:
    """Rows stay left out after the refresh that warned of them, until what they are in is read anew."""
    if table.rows_in_quarantine and table.last_status != "warning":
        yield _about(
            table,
            "quarantined",
            "warning",
            f"{table.rows_in_quarantine} row(s) of its source are missing: they are in quarantine.",
            f"GET /api/refresh/quarantine?table={table.table} says why. Mend the cause, then POST "
            f"/api/refresh/tables/{table.table}/quarantine/replay.",
        )


def _of_age(table: TableStatus) -> Iterator[Alert]:
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
    doing = (
        "A refresh is under way."
        if table.progress
        else "Trigger the table, and look at the run if it does not end well."
    )
    expected = f"it should be refreshed every {table.frequency_hours} hours."
    return _about(table, "stale", "critical", f"{_shown(table)}; {expected}", doing)


def _missing(table: TableStatus) -> Alert:
    severity = "critical" if table.mode == "live" else "warning"
    what_to_do = "Make it again and trigger it with force, or set its mode to disabled if nobody needs it."
    return _about(table, "missing", severity, "Postgres has no such table any more.", what_to_do)


def _not_refreshed(table: TableStatus, dependents: Sequence[str]) -> Alert:
    """Who set it so knows; who looks at a dashboard does not."""
    needed = f" Live tables are made from it: {', '.join(dependents[:5])}." if dependents else ""
    message = f"Nothing refreshes it: its mode is {table.mode}. {_shown(table)}.{needed}"
    what_to_do = "Set its mode to live, or drop the table if no dashboard and no live table reads it."
    return _about(table, "not_refreshed", "warning", message, what_to_do)


def _aside(table: TableStatus, alert: Alert) -> Alert:
    """Of a refresh whose outcome no dashboard shows."""
    message = f"In mode {table.mode}: {alert.message}"
    return alert.model_copy(update={"severity": "warning", "message": message})


def _is_old(table: TableStatus, now: datetime) -> bool:
    return table.data_as_of is not None and now - table.data_as_of > timedelta(hours=table.interval_hours) + _LATE


def _shown(table: TableStatus) -> str:
    return f"Its data is of {table.data_as_of:%Y-%m-%d %H:%M} UTC" if table.data_as_of else "It has no data yet"


def _about(table: TableStatus, kind: str, severity: str, message: str, what_to_do: str) -> Alert:
    since = table.data_as_of if kind in ("stale", "not_refreshed") else table.last_finished_at
    return Alert(severity=severity, kind=kind, table=table.table, message=message, what_to_do=what_to_do, since=since)  # type: ignore[arg-type]
