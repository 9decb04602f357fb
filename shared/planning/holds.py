"""What somebody has released passes the gates that it had failed.

A release is about content: it publishes the scopes that were held with exactly the fingerprints that were shown, and
overrides the checks that had failed, no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from shared.domain.check_outcome import CheckOutcome
from shared.domain.states import ScopeAction
from shared.planning.scopes import PlannedScope

WRITTEN = (ScopeAction.CHANGED, ScopeAction.VANISHED)


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
        if release is not None and scope.action in WRITTEN and not release.admits(scope)
        else scope
        for scope in scopes
    ]


def lifted(outcomes: Iterable[CheckOutcome], release: Release | None) -> list[CheckOutcome]:
    """The outcomes, those marked that the release overrides."""
    return [one.released(release.run_id) if overridden(one, release) and release else one for one in outcomes]


def overridden(outcome: CheckOutcome, release: Release | None) -> bool:
    """Whether a check that failed holds nothing, because somebody has released what it held."""
    return release is not None and outcome.holds and release.lifts(outcome)


def hold_scopes(
    scopes: Iterable[PlannedScope], outcomes: Iterable[CheckOutcome], release: Release | None
) -> list[PlannedScope]:
    """The plan without the scopes that a failed check holds."""
    held = {one.scope for one in outcomes if one.holds and not overridden(one, release)}
    return [scope.held() if scope.value in held and scope.action in WRITTEN else scope for scope in scopes]
