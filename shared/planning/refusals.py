"""What somebody has refused or taken back is not published again by itself: the scope is held while it still comes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from shared.domain.check_outcome import HOLD, CheckOutcome
from shared.domain.states import ScopeAction
from shared.planning.scopes import PlannedScope, PublishedScope

VANISHED = ""
"""Stands for the fingerprint of a scope that the source no longer has."""
REFUSED = "refused"
ROLLED_BACK = "rolled_back"
DECIDED = (REFUSED, ROLLED_BACK)
"""Whose decision it was: what was held was refused, what was published was taken back. Metric of a check, and reason of
a task."""


def hold_refused(
    scopes: Sequence[PlannedScope],
    published: Iterable[PublishedScope],
    *,
    definition_hash: str,
    forced_at: datetime | None,
    lifted: Collection[str | None] = (),
) -> list[PlannedScope]:
    """The scopes, those held that would publish what was refused or taken back.

    Another definition makes something else of the same source, so that is published. `forced_at`: when an operator
    asked for the scopes to be published whatever they are; what was refused later than that is held all the same.
    `lifted`: scopes that somebody has released since.
    """
    state = {scope.value: scope for scope in published}
    return [
        scope.held()
        if scope.action in (ScopeAction.CHANGED, ScopeAction.VANISHED)
        and scope.value not in lifted
        and why_refused(state, scope, definition_hash=definition_hash, forced_at=forced_at)
        else scope
        for scope in scopes
    ]


def why_refused(
    state: Mapping[str | None, PublishedScope],
    scope: PlannedScope,
    *,
    definition_hash: str,
    forced_at: datetime | None = None,
) -> str | None:
    """`refused` or `rolled_back` when just this content of the scope was, else None."""
    before = state.get(scope.value)
    if before is None or before.refused_at is None or (forced_at is not None and forced_at > before.refused_at):
        return None
    fingerprint = scope.fingerprint or VANISHED
    if before.refused.get(fingerprint) != definition_hash:
        return None
    return before.refused_why.get(fingerprint, ROLLED_BACK)


def refusals(
    scopes: Iterable[PlannedScope],
    published: Iterable[PublishedScope],
    *,
    definition_hash: str,
    forced_at: datetime | None = None,
) -> list[CheckOutcome]:
    """A failed check for every scope that comes as it was refused."""
    state = {scope.value: scope for scope in published}
    found = [
        (scope, why_refused(state, scope, definition_hash=definition_hash, forced_at=forced_at)) for scope in scopes
    ]
    return [
        CheckOutcome(metric=why, scope=scope.value, value=scope.rows, threshold=None, outcome=HOLD, passed=False)
        for scope, why in found
        if why is not None
    ]


def shared_reason(reasons: Iterable[str], *, held: int) -> str:
    """Why `held` scopes are held, in a word: by whose decision, if all of them are by one, else `scopes_held`."""
    found = list(reasons)
    if len(found) < held or not found:
        return "scopes_held"
    return REFUSED if REFUSED in found else ROLLED_BACK
