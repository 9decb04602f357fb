"""Deliveries that people have decided about: what was refused stays held, what was released passes the gates it failed.

A decision is about content. A refused fingerprint is held whenever it comes again; a release publishes the scopes that
were held with exactly the fingerprints that were shown, and overrides the checks that had failed, no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from shared.domain.check_outcome import HOLD, CheckOutcome
from shared.domain.states import ScopeAction
from shared.planning.scopes import PlannedScope, PublishedScope

REFUSED = "refused"
ROLLED_BACK = "rolled_back"
DECIDED = (REFUSED, ROLLED_BACK)
"""Why a fingerprint is not to be published again; as metric of a check, and as reason of a task."""
ABSENT = ""
"""The refused fingerprint of a scope that was not there."""
_WRITTEN = (ScopeAction.CHANGED, ScopeAction.VANISHED)


@dataclass(frozen=True, kw_only=True)
class Release:
    """The held part of a run that somebody has decided to publish all the same."""

    run_id: UUID
    """The run that was held."""
    admitted: Mapping[str | None, str | None]
    """The fingerprint that was shown of each scope that may be written; None: the scope was not there."""
    shown: frozenset[tuple[str, str | None]]
    """Metric and scope of each check that had held."""

    def admits(self, scope: PlannedScope) -> bool:
        """Whether the scope is as it was shown."""
        return scope.value in self.admitted and self.admitted[scope.value] == scope.fingerprint

    def lifts(self, outcome: CheckOutcome) -> bool:
        """Whether the failed check is one of those that were shown."""
        return (outcome.metric, outcome.scope) in self.shown


def restricted(scopes: Iterable[PlannedScope], release: Release | None) -> list[PlannedScope]:
    """The plan of a release: what it does not admit is left alone."""
    return [
        replace(scope, action=ScopeAction.SUPERSEDED)
        if release is not None and scope.action in _WRITTEN and not release.admits(scope)
        else scope
        for scope in scopes
    ]


def lifted(outcomes: Iterable[CheckOutcome], release: Release | None) -> list[CheckOutcome]:
    """The outcomes, those marked that the release overrides."""
    return [one.released(release.run_id) if overridden(one, release) and release else one for one in outcomes]


def overridden(outcome: CheckOutcome, release: Release | None) -> bool:
    """Whether a check that failed holds nothing, because somebody has released what it held."""
    return release is not None and outcome.holds and release.lifts(outcome)


def refused(scope: PlannedScope, state: PublishedScope | None) -> str | None:
    """Why the scope must not be published as it is, `refused` or `rolled_back`; None when nothing stands against it."""
    if state is None or state.refused_fingerprint is None:
        return None
    same = state.refused_fingerprint == (scope.fingerprint or ABSENT)
    return (state.refused_reason or REFUSED) if same else None


def refusals(
    scopes: Iterable[PlannedScope], published: Iterable[PublishedScope], actions: Sequence[ScopeAction] = _WRITTEN
) -> list[CheckOutcome]:
    """A failed check for every scope, of those with one of the actions, that comes as it was refused."""
    states = {state.value: state for state in published}
    found = [(scope, refused(scope, states.get(scope.value))) for scope in scopes if scope.action in actions]
    return [
        CheckOutcome(metric=why, scope=scope.value, value=scope.rows, threshold=None, outcome=HOLD, passed=False)
        for scope, why in found
        if why is not None
    ]


def hold_scopes(
    scopes: Iterable[PlannedScope], outcomes: Iterable[CheckOutcome], release: Release | None
) -> list[PlannedScope]:
    """The plan without the scopes that a failed check holds."""
    held = {one.scope for one in outcomes if one.holds and not overridden(one, release)}
    return [scope.held() if scope.value in held and scope.action in _WRITTEN else scope for scope in scopes]


def hold_reason(metrics: Iterable[str]) -> str:
    """Why scopes are held, in a word: that of all of them if it is somebody's decision, else `scopes_held`."""
    found = set(metrics)
    return found.pop() if len(found) == 1 and found <= set(DECIDED) else "scopes_held"
