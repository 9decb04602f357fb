"""What to do about each scope value: compared with what was last published, and with what the target holds."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.domain.figures import Figures
from shared.domain.states import ScopeAction


@dataclass(frozen=True, kw_only=True)
class Report:
    """One of the reports that were delivered for a scope value, where the dataset tells them apart."""

    name: tuple[str, ...]
    """Values of the dataset's report columns."""
    rows: int
    delivered: int
    failing: Mapping[str, int]
    """By check: how many of the delivered rows fail it."""


@dataclass(frozen=True, kw_only=True)
class FoundScope:
    """A scope value of the source at the snapshot."""

    value: str | None
    rows: int
    rows_read: int
    """Source rows behind `rows`."""
    fingerprint: str
    figures: Figures = field(default_factory=dict)
    reports: tuple[Report, ...] = ()
    failing: tuple[int, ...] = ()
    """Rows that fail each of the checks of columns."""


@dataclass(frozen=True, kw_only=True)
class PublishedScope:
    """A scope value as last published (or, on first contact, as the target holds it: fingerprint empty)."""

    value: str | None
    fingerprint: str | None
    """None: the scope had vanished."""
    definition_hash: str
    snapshot_at: datetime | None
    rows: int
    rows_quarantined: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints that must not be published again, with the definition's hash; empty for the scope's absence."""
    refused_why: Mapping[str, str] = field(default_factory=dict)
    """For those of them that were refused while they were held, and not taken back after a publish: `refused`."""
    refused_at: datetime | None = None

    def newer_than(self, snapshot_at: datetime) -> bool:
        """Whether a run with a newer snapshot has published it, or seen that it did not change."""
        return self.snapshot_at is not None and self.snapshot_at > snapshot_at


@dataclass(frozen=True, kw_only=True)
class PlannedScope:
    """A scope value with what the run does about it."""

    value: str | None
    action: ScopeAction
    rows: int
    rows_read: int = 0
    fingerprint: str | None = None
    published_fingerprint: str | None = None
    published_rows: int = 0
    figures: Figures = field(default_factory=dict)

    def held(self) -> PlannedScope:
        """The same scope, not to be published by this run."""
        return replace(self, action=ScopeAction.HELD)


def plan_scopes(
    found: Iterable[FoundScope],
    published: Iterable[PublishedScope],
    *,
    definition_hash: str,
    force: bool = False,
    anew: Container[str | None] = (),
    scan_from: str | None = None,
    scan_to: str | None = None,
) -> list[PlannedScope]:
    """Every scope value of the scanned range once, in order, NULL first.

    Unchanged: fingerprint and definition are those published, and nobody forces it, or wants it `anew`. Vanished:
    published with rows, inside the scanned range (`scan_from` to `scan_to`; without end where one is None), and absent
    from the source.
    """
    before: Mapping[str | None, PublishedScope] = {scope.value: scope for scope in published}
    planned = [
        _present(scope, before.get(scope.value), definition_hash, force or scope.value in anew) for scope in found
    ]
    present = {scope.value for scope in planned}
    planned += [
        PlannedScope(
            value=scope.value,
            action=ScopeAction.VANISHED,
            rows=0,
            published_fingerprint=scope.fingerprint,
            published_rows=scope.rows,
        )
        for scope in before.values()
        if scope.value not in present and scope.fingerprint is not None and scanned(scope.value, scan_from, scan_to)
    ]
    return sorted(planned, key=lambda scope: (scope.value is not None, scope.value or ""))


def scanned(value: str | None, scan_from: str | None, scan_to: str | None = None) -> bool:
    """Whether a scan from a day on, or to another, sees a scope value (dates as text; NULL is seen by full scans
    alone)."""
    if value is None:
        return scan_from is None and scan_to is None
    return (scan_from is None or value >= scan_from) and (scan_to is None or value <= scan_to)


def widens(scan_from: str | None, published_from: str | None) -> bool:
    """Whether a scan sees scope values that a published one, from `published_from` on, did not."""
    return published_from is not None and (scan_from is None or scan_from < published_from)


def _present(scope: FoundScope, before: PublishedScope | None, definition_hash: str, force: bool) -> PlannedScope:
    same = (
        before is not None
        and before.fingerprint == scope.fingerprint
        and before.definition_hash == definition_hash
        and not force
    )
    return PlannedScope(
        value=scope.value,
        action=ScopeAction.UNCHANGED if same else ScopeAction.CHANGED,
        rows=scope.rows,
        rows_read=scope.rows_read,
        fingerprint=scope.fingerprint,
        published_fingerprint=before.fingerprint if before else None,
        published_rows=before.rows if before else 0,
        figures=scope.figures,
    )
