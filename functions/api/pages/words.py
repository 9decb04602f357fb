"""How states are called and drawn, and what people can do about what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from functions.api.schemas.status import Alert, Statistics

Tone = Literal["good", "calm", "care", "bad", "busy", "hold"]


@dataclass(frozen=True, kw_only=True)
class State:
    """A state's word, its tone (a colour), and its sign: colour is never the only one."""

    word: str
    tone: Tone
    sign: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The one thing to know in the morning."""

    tone: Tone
    sign: str
    headline: str


_STATES = {
    "success": State(word="success", tone="good", sign="check"),
    "no_new_data": State(word="no new data", tone="good", sign="equal"),
    "warning": State(word="warning", tone="care", sign="warning"),
    "held": State(word="held", tone="hold", sign="pause"),
    "failed": State(word="failed", tone="bad", sign="cross"),
    "skipped": State(word="skipped", tone="care", sign="skip"),
    "running": State(word="running", tone="busy", sign="play"),
    "queued": State(word="queued", tone="busy", sign="clock"),
    "never_refreshed": State(word="never refreshed", tone="care", sign="circle"),
    "disabled": State(word="disabled", tone="calm", sign="slash"),
    "pending": State(word="pending", tone="busy", sign="clock"),
    "done": State(word="done", tone="good", sign="check"),
    "delivered": State(word="delivered", tone="good", sign="check"),
    "enabled": State(word="enabled", tone="good", sign="check"),
    "fresh": State(word="fresh", tone="good", sign="check"),
    "stale": State(word="stale", tone="bad", sign="clock"),
    "kept": State(word="kept", tone="good", sign="check"),
    "expired": State(word="expired", tone="calm", sign="slash"),
    "rolled back": State(word="rolled back", tone="care", sign="skip"),
    "clean": State(word="clean", tone="good", sign="check"),
    "differs": State(word="differs", tone="care", sign="warning"),
    "cancelled": State(word="cancelled", tone="calm", sign="slash"),
    "resolved": State(word="resolved", tone="good", sign="check"),
    "not_equal": State(word="not equal", tone="bad", sign="unequal"),
    "missing": State(word="missing", tone="bad", sign="cross"),
    "not_refreshed": State(word="not refreshed", tone="care", sign="slash"),
    "not_verified": State(word="not verified", tone="care", sign="warning"),
    "data_late": State(word="data overdue", tone="care", sign="clock"),
    "backfill_failed": State(word="backfill failed", tone="care", sign="cross"),
    "failing": State(word="failing", tone="care", sign="warning"),
    "equal": State(word="equal", tone="good", sign="equal"),
    "passed": State(word="passed", tone="good", sign="check"),
}
_MACHINERY = ("sweep_silent", "schedule_silent", "messages_owed")


def state(name: str) -> State:
    """How a state is shown; one that is new here by its own name."""
    return _STATES.get(name, State(word=name.replace("_", " "), tone="calm", sign="circle"))


def verdict(counts: Statistics, found: Sequence[Alert]) -> Verdict:
    """Whether dashboards can be trusted, in a sentence."""
    stopped = any(alert.kind in _MACHINERY and alert.severity == "critical" for alert in found)
    if counts.live == 0:
        return Verdict(tone="care", sign="circle", headline="No table is refreshed yet: none is registered as live.")
    wrong = [
        *_gone(counts.missing),
        *_differing(sum(alert.kind == "not_equal" for alert in found)),
        *_old(counts.stale),
    ]
    if wrong:
        return _bad(f"Not everything can be trusted: {_listed(wrong)}.")
    if stopped:
        return _bad("The data is still fresh, but refreshing has come to a stop.")
    if counts.failed:
        return _bad(f"Not everything is up to date: the last refresh of {_tables(counts.failed)} failed.")
    if any(alert.severity == "critical" for alert in found):
        return _bad("Not everything can be trusted: see what needs you.")
    waiting = sum(alert.kind == "never_refreshed" for alert in found)
    if waiting:
        return Verdict(tone="care", sign="circle", headline=f"Not all is there yet: {_none(waiting, counts.live)}.")
    if counts.held:
        held = f"the new data of {_tables(counts.held)} is held"
        return Verdict(tone="care", sign="pause", headline=f"The dashboards can be trusted, but {held}.")
    if found:
        looks = "one thing needs" if len(found) == 1 else f"{len(found)} things need"
        return Verdict(tone="care", sign="warning", headline=f"The dashboards can be trusted, but {looks} a look.")
    return Verdict(tone="good", sign="check", headline="The dashboards can be trusted: every table is fresh.")


def _bad(headline: str) -> Verdict:
    return Verdict(tone="bad", sign="cross", headline=headline)


def _tables(number: int) -> str:
    return "one table" if number == 1 else f"{number} tables"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _gone(number: int) -> list[str]:
    return [f"{_tables(number)} {'is' if number == 1 else 'are'} missing"] if number else []


def _differing(number: int) -> list[str]:
    many = f"{number} tables differ from their sources"
    return ["one table differs from its source" if number == 1 else many] if number else []


def _old(number: int) -> list[str]:
    return [f"{_tables(number)} {'shows' if number == 1 else 'show'} old data"] if number else []


def _none(number: int, live: int) -> str:
    return f"{number} of {live} tables {'has' if number == 1 else 'have'} never been refreshed"
