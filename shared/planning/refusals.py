"""What an operator has taken back is not published again by itself: the scope is held while the source still has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from shared.domain.states import ScopeAction
from shared.planning.scopes import PlannedScope, PublishedScope

VANISHED = ""
"""Stands for the fingerprint of a scope that the source no longer has."""


def hold_refused(
    scopes: Sequence[PlannedScope],
    published: Iterable[PublishedScope],
    *,
    definition_hash: str,
    forced_at: datetime | None,
) -> list[PlannedScope]:
    """The scopes, those held that would publish what was taken back.

    Another definition makes something else of the same source, so that is published. `forced_at`: when an operator
    asked for the scopes to be published whatever they are; what was taken back later than that is held all the same.
    """
    state = {scope.value: scope for scope in published}
    return [
        scope.held()
        if scope.action in (ScopeAction.CHANGED, ScopeAction.VANISHED)
        and refuses(state, scope, definition_hash=definition_hash, forced_at=forced_at)
        else scope
        for scope in scopes
    ]


def refuses(
    state: Mapping[str | None, PublishedScope],
    scope: PlannedScope,
    *,
    definition_hash: str,
    forced_at: datetime | None = None,
) -> bool:
    """Whether just this content of the scope was taken back."""
    before = state.get(scope.value)
    if before is None or before.refused_at is None or (forced_at is not None and forced_at > before.refused_at):
        return False
    return before.refused.get(scope.fingerprint or VANISHED) == definition_hash
