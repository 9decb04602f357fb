"""What needs somebody, put together so that it can be taken in at a glance. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from functions.api.pages import reasons
from functions.api.pages.words import Tone
from functions.api.schemas.status import Alert

_EACH = 4
"""So many tables with the same trouble are shown one by one; more are one line, with the way to all of them."""
_NAMED = 5
_GRAVITY = {"not_equal": 0, "failed": 1, "held": 2, "stale": 3}
_FILTER = {"skipped": "attention", "quarantined": "attention", "never_refreshed": "never", "not_refreshed": "other"}
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
    "dead_letters": "Read the reasons, mend them, and send the messages again.",
}
"""What to do about each kind of alert, where the page knows better than the API, whose callers have no buttons."""


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
    since: Alert
    show: str | None = None
    """The filter of the overview that has all of them."""
    tables: tuple[str, ...] = ()
    more: int = 0


def concerns(found: Sequence[Alert], reason_of: Mapping[str, str | None]) -> list[Concern]:
    """Alerts about one table as one, and tables with the same trouble together when they are many.

    `reason_of`: why each table's last refresh ended as it did.
    """
    about: dict[str, list[Alert]] = {}
    for alert in found:
        about.setdefault(alert.table or alert.kind, []).append(alert)
    groups = [sorted(alerts, key=lambda one: _GRAVITY.get(one.kind, 4)) for alerts in about.values()]
    by_kind: dict[str, list[list[Alert]]] = {}
    for group in groups:
        by_kind.setdefault(group[0].kind, []).append(group)
    made = [one for alike in by_kind.values() for one in _made(alike, reason_of)]
    return sorted(made, key=lambda one: (one.tone != "bad", _GRAVITY.get(one.kind, 4)))


def _made(alike: list[list[Alert]], reason_of: Mapping[str, str | None]) -> Iterator[Concern]:
    if len(alike) > _EACH:
        yield _of_many(alike)
    else:
        yield from (_of_one(group, reason_of.get(group[0].table or "")) for group in alike)


def _of_one(group: list[Alert], reason: str | None) -> Concern:
    first = group[0]
    states = tuple(_STATE.get(one.kind, one.kind) for one in group if one.kind in _OF_ALL)
    return Concern(
        kind=first.kind,
        tone=_tone(group),
        title=first.table or _TITLES.get(first.kind, first.kind),
        table=first.table,
        states=states,
        message=" ".join(one.message if one.message.endswith(".") else f"{one.message}." for one in group),
        advice=_advice(first, reason),
        since=first,
    )


def _of_many(alike: list[list[Alert]]) -> Concern:
    first = alike[0][0]
    tables = [group[0].table for group in alike if group[0].table]
    return Concern(
        kind=first.kind,
        tone=_tone([alert for group in alike for alert in group]),
        title=f"{len(alike)} tables",
        table=None,
        states=(_STATE.get(first.kind, first.kind),) if first.kind in _OF_ALL else (),
        message=_OF_ALL.get(first.kind, first.message),
        advice=ADVICE.get(first.kind, first.what_to_do)
        .replace("Refresh it", "Refresh them")
        .replace("It waits", "They wait"),
        since=first,
        show=_FILTER.get(first.kind, first.kind),
        tables=tuple(tables[:_NAMED]),
        more=max(0, len(tables) - _NAMED),
    )


def _advice(alert: Alert, reason: str | None) -> str:
    status = {"quarantined": "warning"}.get(alert.kind, alert.kind)
    special = reasons.advice(status, reason) if status in ("failed", "held", "warning") and reason else ""
    return special or ADVICE.get(alert.kind, alert.what_to_do)


def _tone(group: Sequence[Alert]) -> Tone:
    return "bad" if any(one.severity == "critical" for one in group) else "care"
