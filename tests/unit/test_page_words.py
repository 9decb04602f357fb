"""The one thing to know in the morning, for every way in which things can stand."""

from __future__ import annotations

import pytest

from functions.api.pages.words import verdict
from functions.api.schemas.status import Alert, LastDay, Statistics

_DAY = LastDay(tasks=0, failed=0, rows_changed=0, rows_read=0, rows_quarantined=0, bytes_billed=0)


def counts(**some: int) -> Statistics:
    names = ("tables", "live", "fresh", "stale", "running", "failed", "held", "disabled", "runs_open")
    known = {name: 0 for name in names if name in Statistics.model_fields} | {"live": 20} | some
    rest = {name: 0 for name in Statistics.model_fields if name not in known and name != "last_day"}
    return Statistics(**known | rest, last_day=_DAY)


def alert(kind: str, severity: str = "warning") -> Alert:
    values = {"severity": severity, "kind": kind, "table": "a.b", "message": "m", "what_to_do": "w", "since": None}
    return Alert.model_validate(values)


@pytest.mark.parametrize(
    ("some", "kinds", "tone", "headline"),
    [
        ({}, [], "good", "The dashboards can be trusted: every table is fresh."),
        ({"live": 0}, [], "care", "No table is refreshed yet: none is registered as live."),
        ({"stale": 1}, [("stale", "critical")], "bad", "Not everything can be trusted: one table shows old data."),
        ({"stale": 3}, [("stale", "critical")], "bad", "Not everything can be trusted: 3 tables show old data."),
        ({}, [("sweep_silent", "critical")], "bad", "The data is still fresh, but refreshing has come to a stop."),
        (
            {},
            [("not_equal", "critical")],
            "bad",
            "Not everything can be trusted: one table differs from its source.",
        ),
        (
            {"failed": 1},
            [("failed", "critical")],
            "bad",
            "Not everything is up to date: the last refresh of one table failed.",
        ),
        (
            {"failed": 2},
            [("failed", "critical")],
            "bad",
            "Not everything is up to date: the last refresh of 2 tables failed.",
        ),
        (
            {"missing": 1, "stale": 2},
            [("missing", "critical"), ("not_equal", "critical"), ("stale", "critical")],
            "bad",
            "Not everything can be trusted: one table is missing, one table differs from its source"
            " and 2 tables show old data.",
        ),
        (
            {"stale": 2, "failed": 1},
            [("not_equal", "critical"), ("stale", "critical"), ("failed", "critical")],
            "bad",
            "Not everything can be trusted: one table differs from its source and 2 tables show old data.",
        ),
        ({}, [("held", "critical")], "bad", "Not everything can be trusted: see what needs you."),
        ({}, [("held", "warning")], "care", "The dashboards can be trusted, but one thing needs a look."),
        ({}, [("held", "warning")] * 2, "care", "The dashboards can be trusted, but 2 things need a look."),
        (
            {"held": 1},
            [("held", "warning"), ("dead_letters", "warning")],
            "care",
            "The dashboards can be trusted, but the new data of one table is held.",
        ),
        (
            {},
            [("never_refreshed", "warning")],
            "care",
            "Not all is there yet: 1 of 20 tables has never been refreshed.",
        ),
    ],
)
def test_the_verdict(some: dict[str, int], kinds: list[tuple[str, str]], tone: str, headline: str) -> None:
    found = verdict(counts(**some), [alert(*one) for one in kinds])
    assert (found.tone, found.headline) == (tone, headline)
