"""What the next refresh would do because of a change, as far as it can be known before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.domain.definition import Definition
from shared.domain.ids import TableName
from shared.domain.scope import scan_range
from shared.domain.states import ScopeAction
from shared.planning.scopes import PlannedScope, PublishedScope, scanned
from shared.planning.slices import plan_slices
from shared.ports import Row, Session
from shared.refresh.published_scopes import published_scopes, scopes_of_target
from shared.sql import statement

_KNOWN_MODES = ("live", "dry_run")
_DISABLED = "disabled"


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What the next refresh would do because of a change. None: that is known only when the table's worker plans."""

    checked_against_source: bool
    ignored_columns: tuple[str, ...]
    scopes_published: int
    rows_published: int
    scopes_read_anew: int | None
    rows_read_anew: int | None
    slices: int | None


def look_ahead(
    session: Session, table: TableName, registry: Row, definition: Definition | None, *, divided_anew: bool
) -> Preview:
    """With the change made: `registry` and `definition` are as they would be. The source is taken to stay as it is.

    `divided_anew`: the scopes are others than those that were published.
    """
    (published,) = session.run(statement("count_published"), schema=table.schema, name=table.name)
    anew: Sequence[PublishedScope] | None = None
    if registry["mode"] == _DISABLED:
        anew = ()
    elif definition is not None and registry["mode"] in _KNOWN_MODES:
        anew = _read_anew(session, table, definition, divided_anew=divided_anew)
    return Preview(
        checked_against_source=definition is not None,
        ignored_columns=definition.ignored if definition is not None else (),
        scopes_published=published["scopes"],
        rows_published=int(published["rows"]),
        scopes_read_anew=None if anew is None else len(anew),
        rows_read_anew=None if anew is None else sum(_rows(scope) for scope in anew),
        slices=None if anew is None else _slices(anew, target_rows=registry["slice_target_rows"]),
    )


def _read_anew(
    session: Session, table: TableName, definition: Definition, *, divided_anew: bool
) -> list[PublishedScope]:
    scan = scan_range(definition.scope, lookback_days=definition.lookback, snapshot=datetime.now(UTC).date())
    if divided_anew:
        found = scopes_of_target(session, definition, scan)
    else:
        known = published_scopes(session, table, definition, scan)
        found = [one for one in known if one.definition_hash != definition.hash and one.fingerprint is not None]
    return [scope for scope in found if scanned(scope.value, scan.scan_from)]


def _slices(scopes: Sequence[PublishedScope], *, target_rows: int) -> int:
    ordered = sorted(scopes, key=lambda scope: (scope.value is not None, scope.value or ""))
    read = [PlannedScope(value=one.value, action=ScopeAction.CHANGED, rows=_rows(one)) for one in ordered]
    return len(plan_slices(read, target_rows=target_rows))


def _rows(scope: PublishedScope) -> int:
    return scope.rows + scope.rows_quarantined
