from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.states import ScopeAction
from shared.planning.scopes import FoundScope, PublishedScope, plan_scopes, scanned, widens

CHANGED, UNCHANGED, VANISHED = ScopeAction.CHANGED, ScopeAction.UNCHANGED, ScopeAction.VANISHED
HASH = "definition"
VALUES: list[str | None] = [None, "", "2025-01-01", "2025-01-02", "2025-02-01", "é"]


def found(value: str | None, fingerprint: str = "f", rows: int = 2) -> FoundScope:
    return FoundScope(value=value, rows=rows, rows_read=rows + 1, fingerprint=fingerprint)


def published(
    value: str | None, fingerprint: str | None = "f", *, definition: str = HASH, rows: int = 3
) -> PublishedScope:
    return PublishedScope(
        value=value,
        fingerprint=fingerprint,
        definition_hash=definition,
        snapshot_at=datetime(2025, 1, 1, tzinfo=UTC),
        rows=rows,
    )


def actions(
    source: list[FoundScope], before: list[PublishedScope], *, force: bool = False, scan_from: str | None = None
) -> dict[str | None, ScopeAction]:
    planned = plan_scopes(source, before, definition_hash=HASH, force=force, scan_from=scan_from)
    return {scope.value: scope.action for scope in planned}


def test_only_the_same_fingerprint_of_the_same_definition_is_no_change() -> None:
    assert actions([found("a")], [published("a")]) == {"a": UNCHANGED}
    assert actions([found("a", "g")], [published("a")]) == {"a": CHANGED}
    assert actions([found("a")], [published("a", definition="other")]) == {"a": CHANGED}
    assert actions([found("a")], [published("b")])["a"] is CHANGED
    assert actions([found("a")], [published("a", None)]) == {"a": CHANGED}


def test_force_ignores_both() -> None:
    assert actions([found("a")], [published("a")], force=True) == {"a": CHANGED}


def test_absent_scopes_vanish_once() -> None:
    assert actions([], [published("a"), published(None)]) == {"a": VANISHED, None: VANISHED}
    assert actions([], [published("a", None)]) == {}


def test_what_was_not_scanned_does_not_vanish() -> None:
    before = [published(None), published("2025-01-01"), published("2025-01-02")]
    assert actions([], before, scan_from="2025-01-02") == {"2025-01-02": VANISHED}


def test_on_first_contact_the_targets_own_scopes_are_changed_or_vanish() -> None:
    assert actions([found("a")], [published("a", ""), published("b", "")]) == {"a": CHANGED, "b": VANISHED}


def test_a_plan_remembers_what_was_published() -> None:
    (scope,) = plan_scopes([found("a", "g")], [published("a")], definition_hash=HASH)
    assert (scope.rows, scope.rows_read, scope.published_rows) == (2, 3, 3)
    assert (scope.fingerprint, scope.published_fingerprint) == ("g", "f")
    assert scope.held().action is ScopeAction.HELD


def test_a_scan_widens_another_when_it_begins_before_it() -> None:
    assert not widens(None, None)
    assert not widens("2025-01-02", None)
    assert not widens("2025-01-02", "2025-01-02")
    assert widens("2025-01-01", "2025-01-02")
    assert widens(None, "2025-01-02")


sources = st.dictionaries(st.sampled_from(VALUES), st.sampled_from("fg"))
states = st.dictionaries(st.sampled_from(VALUES), st.sampled_from(["f", "g", "", None]))
starts = st.sampled_from([None, "2025-01-01", "2025-01-02"])


@given(source=sources, state=states, scan_from=starts, force=st.booleans())
def test_every_scope_of_the_scan_stands_once_and_in_order(
    source: dict[str | None, str], state: dict[str | None, str | None], scan_from: str | None, force: bool
) -> None:
    seen = {value: fingerprint for value, fingerprint in source.items() if scanned(value, scan_from)}
    planned = plan_scopes(
        [found(*one) for one in seen.items()],
        [published(*one) for one in state.items()],
        definition_hash=HASH,
        force=force,
        scan_from=scan_from,
    )
    values = [scope.value for scope in planned]
    assert values == sorted(set(values), key=lambda value: (value is not None, value or ""))
    for scope in planned:
        assert scanned(scope.value, scan_from)
        same = not force and state.get(scope.value) == seen.get(scope.value)
        assert scope.action is (VANISHED if scope.value not in seen else UNCHANGED if same else CHANGED)
    gone = {value for value, fingerprint in state.items() if fingerprint is not None and scanned(value, scan_from)}
    assert set(values) == set(seen) | gone
