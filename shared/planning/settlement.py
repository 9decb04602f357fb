"""The last look before a publish: what other runs have published of this table since the plan was made.

Runs of one table are fenced against each other by data: per scope the newest snapshot wins, whatever the order in which
they publish. It is asked under the lock of the table's registry row, so nothing changes between the answer and the
write.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.domain.states import ScopeAction
from shared.planning.refusals import hold_refused, why_refused
from shared.planning.scopes import PlannedScope, PublishedScope, scanned


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A published scan of a table: its snapshot, and the scope values it began and ended at (None: without end)."""

    snapshot_at: datetime
    scan_from: str | None
    scan_to: str | None = None


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """Scopes with what is to become of them now."""

    scopes: tuple[PlannedScope, ...]
    to_load: tuple[PlannedScope, ...]
    """Scopes that the plan left unchanged, but that an older run has changed since: they must be read after all."""
    refused: Mapping[str | None, str] = field(default_factory=dict)
    """Values of the held scopes whose content was refused or taken back, and which of the two."""

    def having(self, *actions: ScopeAction) -> list[str | None]:
        """Values of the scopes with one of the actions."""
        return [scope.value for scope in self.scopes if scope.action in actions]


def settle(
    planned: Sequence[PlannedScope],
    published: Iterable[PublishedScope],
    *,
    snapshot_at: datetime,
    definition_hash: str,
    own_scan_from: str | None,
    own_scan_to: str | None = None,
    newer: Sequence[Scan],
    deletes: bool = True,
    holds_empty: bool = False,
    forced_at: datetime | None = None,
    lifted: Collection[str | None] = (),
) -> Settlement:
    """Settle every planned scope against the published ones.

    `newer`: published scans with a newer snapshot. `deletes` is False for a table that only grows. `holds_empty`: the
    table has a scope gate, so a scope without rows is held and not deleted. `forced_at`: when the run was asked for, if
    it is to publish whatever the source has. `lifted`: scopes that somebody has released although they were refused.
    """
    state = {scope.value: scope for scope in published}
    settled = [_settled(scope, state.get(scope.value), snapshot_at, definition_hash, newer) for scope in planned]
    known = {scope.value for scope in planned}
    if deletes:
        gone = ScopeAction.HELD if holds_empty else ScopeAction.VANISHED
        settled += [
            PlannedScope(
                value=scope.value,
                action=gone,
                rows=0,
                published_fingerprint=scope.fingerprint,
                published_rows=scope.rows,
            )
            for scope in state.values()
            if scope.value not in known
            and scope.fingerprint is not None
            and scope.snapshot_at is not None
            and scope.snapshot_at <= snapshot_at
            and scanned(scope.value, own_scan_from, own_scan_to)
        ]
    settled = hold_refused(settled, state.values(), definition_hash=definition_hash, forced_at=forced_at, lifted=lifted)
    before = {scope.value: scope.action for scope in planned}
    to_load = tuple(
        scope
        for scope in settled
        if scope.action is ScopeAction.CHANGED and before.get(scope.value) is ScopeAction.UNCHANGED
    )
    refused = {
        scope.value: why
        for scope in settled
        if scope.action is ScopeAction.HELD
        and (why := why_refused(state, scope, definition_hash=definition_hash, forced_at=forced_at))
    }
    return Settlement(scopes=tuple(settled), to_load=to_load, refused=refused)


def against_published(
    scopes: Iterable[PlannedScope], published: Iterable[PublishedScope], *, snapshot_at: datetime
) -> list[PlannedScope]:
    """The scopes beside the rows that are published now, for the table gate; what a newer run has published counts as
    it is."""
    state = {scope.value: scope for scope in published}
    return [_beside(scope, state.get(scope.value), snapshot_at) for scope in scopes]


def _beside(scope: PlannedScope, state: PublishedScope | None, snapshot_at: datetime) -> PlannedScope:
    if state is None:
        return replace(scope, published_rows=0)
    return replace(scope, published_rows=state.rows, rows=state.rows if state.newer_than(snapshot_at) else scope.rows)


def _settled(
    scope: PlannedScope,
    state: PublishedScope | None,
    snapshot_at: datetime,
    definition_hash: str,
    newer: Sequence[Scan],
) -> PlannedScope:
    if scope.action is ScopeAction.HELD:
        return scope
    overtaken = state is not None and state.newer_than(snapshot_at)
    if state is None or state.fingerprint is None:
        overtaken = overtaken or any(scanned(scope.value, scan.scan_from, scan.scan_to) for scan in newer)
    if overtaken:
        return scope if scope.action is ScopeAction.UNCHANGED else replace(scope, action=ScopeAction.SUPERSEDED)
    if scope.action is ScopeAction.UNCHANGED and (
        state is None or state.fingerprint != scope.fingerprint or state.definition_hash != definition_hash
    ):
        return replace(scope, action=ScopeAction.CHANGED)
    return scope
