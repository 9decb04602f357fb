"""What needs somebody, put together so that it can be taken in at a glance. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from functions.api.pages import reasons
from functions.api.pages.words import Tone
from functions.api.schemas.status import Alert

_EACH = 4
"""So many tables with the same trouble are shown one by one; more are one line, with the way to all of them."""
_NAMED = 5
_GRAVITY = {"missing": 0, "not_equal": 0, "failed": 1, "held": 2, "stale": 3}
_FILTER = {
    "stale": "stale",
    "failed": "failed",
    "held": "held",
    "skipped": "attention",
    "quarantined": "attention",
    "never_refreshed": "never",
    "not_refreshed": "other",
}
_STATE = {"quarantined": "warning"}
_OF_ALL = {
    "failed": "The last refresh failed; they show the data of before.",
    "held": "The new data looks wrong, so nothing was published; they show the data of before.",
    "stale": "Their data is older than it should be.",
    "not_equal": "A verification has found that they differ from their sources.",
    "skipped": "Their last refresh was skipped.",
    "quarantined": "They were published, with a warning.",
    "never_refreshed": "They have never been refreshed.",
    "missing": "Postgres does not have them any more.",
    "not_refreshed": "They are not live, so nothing refreshes them; their data is old, or others are made from them.",
    "not_verified": "They could not be verified.",
    "data_late": "Reports are overdue at their sources.",
    "backfill_failed": "Their last backfill did not bring what it should.",
}
_TITLES = {
    "sweep_silent": "The sweep",
    "schedule_silent": "The daily trigger",
    "webhook_failing": "Webhooks",
    "messages_owed": "Messages",
    "dead_letters": "Dead letters",
}
ADVICE = {
    "stale": "Refresh it now. If that does not end well, its run says why.",
    "failed": "Read the error in its run, mend the cause, then replay the run.",
    "held": "Look at the source. If it is right, release the table; if not, have it delivered again.",
    "not_equal": "Refresh it with force, find out who else writes to the table, and verify it again.",
    "skipped": "Mend the table that it waits for, then refresh it.",
    "quarantined": "See its run for the rows or scopes that were left out.",
    "never_refreshed": "It waits for the daily trigger, or for you.",
    "not_refreshed": "Set its mode to live, or see that no dashboard and no live table reads it.",
    "not_verified": "Its run says why. Mend the cause, then verify it again.",
    "backfill_failed": "Mend the cause, then ask for the range again.",
    "schedule_silent": "Check the Cloud Scheduler job of the daily run, and that REFRESH_SCHEDULE is its cron "
    "expression; then refresh the tables by hand.",
    "webhook_failing": "See its deliveries, mend the receiver, enable the endpoint if it is disabled, and send a test.",
    "dead_letters": "Read the reasons, mend them, and send the messages again.",
}
"""What to do about each kind of alert, where the page knows better than the API, whose callers have no buttons."""
_UNDER_WAY = "A refresh is under way."
_MENDED_BY_A_REFRESH = ("stale", "never_refreshed")


@dataclass(frozen=True, kw_only=True)
class Concern:
    """One thing that needs somebody: of a table, of many tables, or of the machinery."""

    kind: str
    tone: Tone
    title: str
    table: str | None
    states: tuple[str, ...]
    message: str
    advice: str
    since: datetime | None
    show: str | None = None
    """The filter of the overview that has all of them."""
    tables: tuple[str, ...] = ()
    more: int = 0


def concerns(
    found: Sequence[Alert], reason_of: Mapping[str, str | None], busy: Set[str] = frozenset()
) -> list[Concern]:
    """Alerts about one table as one, and tables with the same trouble together when they are many.

    `reason_of`: why each table's last refresh ended as it did. `busy`: tables that are being refreshed.
    """
    about: dict[str, list[Alert]] = {}
    for alert in found:
        about.setdefault(alert.table or alert.kind, []).append(alert)
    groups = [sorted(alerts, key=lambda one: _GRAVITY.get(one.kind, 4)) for alerts in about.values()]
    by_kind: dict[str, list[list[Alert]]] = {}
    for group in groups:
        by_kind.setdefault(group[0].kind, []).append(group)
    made = [one for alike in by_kind.values() for one in _made(alike, reason_of, busy)]
    return sorted(made, key=lambda one: (one.tone != "bad", _GRAVITY.get(one.kind, 4)))


def _made(alike: list[list[Alert]], reason_of: Mapping[str, str | None], busy: Set[str]) -> Iterator[Concern]:
    if len(alike) > _EACH:
        yield _of_many(alike, busy)
    else:
        for group in alike:
            table = group[0].table or ""
            yield _of_one(group, reason_of.get(table), busy=table in busy)


def _of_one(group: list[Alert], reason: str | None, *, busy: bool) -> Concern:
    first = group[0]
    states = tuple(_STATE.get(one.kind, one.kind) for one in group if one.kind in _OF_ALL)
    return Concern(
        kind=first.kind,
        tone=_tone(group),
        title=first.table or _TITLES.get(first.kind, first.kind),
        table=first.table,
        states=states,
        message=" ".join(_sentence(one.message, reason) for one in group),
        advice=_UNDER_WAY if busy and first.kind in _MENDED_BY_A_REFRESH else _advice(first, reason),
        since=first.since,
    )


def _of_many(alike: list[list[Alert]], busy: Set[str]) -> Concern:
    first = alike[0][0]
    tables = [group[0].table for group in alike if group[0].table]
    under_way = first.kind in _MENDED_BY_A_REFRESH and busy >= set(tables)
    return Concern(
        kind=first.kind,
        tone=_tone([alert for group in alike for alert in group]),
        title=f"{len(alike)} tables",
        table=None,
        states=(_STATE.get(first.kind, first.kind),) if first.kind in _OF_ALL else (),
        message=_OF_ALL.get(first.kind, first.message),
        advice=_UNDER_WAY if under_way else _for_many(ADVICE.get(first.kind, first.what_to_do)),
        since=None,
        show=_FILTER.get(first.kind),
        tables=tuple(tables[:_NAMED]),
        more=max(0, len(tables) - _NAMED),
    )


def _for_many(advice: str) -> str:
    return advice.replace("Refresh it", "Refresh them").replace("It waits", "They wait")


def _sentence(message: str, reason: str | None) -> str:
    """An alert's message, with the reason in words."""
    said = message.replace(f"({reason})", f"({(reason or '').replace('_', ' ')})")
    return said if said.endswith(".") else f"{said}."


def _advice(alert: Alert, reason: str | None) -> str:
    status = {"quarantined": "warning"}.get(alert.kind, alert.kind)
    special = reasons.advice(status, reason) if status in ("failed", "held", "warning") and reason else ""
    return special or ADVICE.get(alert.kind, alert.what_to_do)


def _tone(group: Sequence[Alert]) -> Tone:
    return "bad" if any(one.severity == "critical" for one in group) else "care"
