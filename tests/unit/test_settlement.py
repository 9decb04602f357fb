"""Runs of one table, in any order: per scope value the newest snapshot that was published wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.states import ScopeAction, TaskStatus
from shared.planning.outcome import Tally, outcome
from shared.planning.scopes import FoundScope, PlannedScope, PublishedScope, plan_scopes, scanned, widens
from shared.planning.settlement import Scan, Settlement, against_published, settle

HASH = "definition"
SCOPES: list[str | None] = [None, "2025-01-01", "2025-01-02", "2025-01-03"]
Content = dict[str | None, int]
"""A table's content: a number for each scope value that has rows."""


def moment(number: int) -> datetime:
    return datetime(2025, 1, 10, tzinfo=UTC) + timedelta(hours=number)


@dataclass
class Run:
    """A run as far as it has come: what it sees, what it plans, how it ended."""

    number: int
    source: Content
    scan_from: str | None = None
    force: bool = False
    planned: list[PlannedScope] = field(default_factory=list)
    ended: TaskStatus | None = None


@dataclass
class Table:
    """A target table with its published scopes, as the database keeps them."""

    target: Content
    state: dict[str | None, PublishedScope] = field(default_factory=dict)
    scans: list[Scan] = field(default_factory=list)

    def plan(self, run: Run) -> None:
        found = [
            FoundScope(value=value, rows=1, rows_read=1, fingerprint=str(content))
            for value, content in run.source.items()
            if scanned(value, run.scan_from)
        ]
        run.planned = plan_scopes(
            found, self._published(run.scan_from), definition_hash=HASH, force=run.force, scan_from=run.scan_from
        )

    def publish(self, run: Run) -> None:
        """One try; scopes that have to be loaded first are loaded, and the next try publishes them."""
        settlement = settle(
            run.planned,
            self.state.values(),
            snapshot_at=moment(run.number),
            definition_hash=HASH,
            own_scan_from=run.scan_from,
            newer=[scan for scan in self.scans if scan.snapshot_at > moment(run.number)],
        )
        run.planned = list(settlement.scopes)
        if not settlement.to_load:
            self._write(run, settlement)

    def _published(self, scan_from: str | None) -> list[PublishedScope]:
        newest = max(self.scans, key=lambda scan: scan.snapshot_at, default=None)
        if newest is not None and not widens(scan_from, newest.scan_from):
            return list(self.state.values())
        return list(self.state.values()) + [
            PublishedScope(value=value, fingerprint="", definition_hash="", snapshot_at=None, rows=1)
            for value in self.target
            if value not in self.state
        ]

    def _write(self, run: Run, settlement: Settlement) -> None:
        for scope in settlement.scopes:
            match scope.action:
                case ScopeAction.CHANGED:
                    self.target[scope.value] = run.source[scope.value]
                    self._note(run, scope, scope.fingerprint)
                case ScopeAction.VANISHED:
                    self.target.pop(scope.value, None)
                    self._note(run, scope, None)
                case ScopeAction.UNCHANGED:
                    before = self.state[scope.value]
                    if before.snapshot_at is not None and before.snapshot_at < moment(run.number):
                        self.state[scope.value] = replace(before, snapshot_at=moment(run.number))
        run.ended = _status(settlement)
        if run.ended is not TaskStatus.SKIPPED:
            self.scans.append(Scan(snapshot_at=moment(run.number), scan_from=run.scan_from))

    def _note(self, run: Run, scope: PlannedScope, fingerprint: str | None) -> None:
        self.state[scope.value] = PublishedScope(
            value=scope.value,
            fingerprint=fingerprint,
            definition_hash=HASH,
            snapshot_at=moment(run.number),
            rows=scope.rows,
        )


def _status(settlement: Settlement) -> TaskStatus:
    return outcome(
        Tally(
            scopes_written=len(settlement.having(ScopeAction.CHANGED, ScopeAction.VANISHED)),
            scopes_held=0,
            scopes_superseded=len(settlement.having(ScopeAction.SUPERSEDED)),
            rows_quarantined=0,
            rows_quarantined_before=0,
            rows_refused=0,
        )
    )[0]


def newest_published(before: Content, runs: Sequence[Run]) -> Content:
    """What the target must hold: for each scope the newest published snapshot that scanned it."""
    expected = dict(before)
    for run in sorted(runs, key=lambda run: run.number):
        if run.ended in (None, TaskStatus.SKIPPED):
            continue
        for value in SCOPES:
            if not scanned(value, run.scan_from):
                continue
            if value in run.source:
                expected[value] = run.source[value]
            else:
                expected.pop(value, None)
    return expected


contents = st.dictionaries(st.sampled_from(SCOPES), st.integers(0, 2))
starts = st.sampled_from([None, None, *SCOPES[1:]])


@st.composite
def histories(draw: st.DrawFn) -> tuple[Content, list[Run], list[int]]:
    """What the target held, runs with snapshots in their order, and the order of their steps (run numbers)."""
    runs = [
        Run(number=number, source=draw(contents), scan_from=draw(starts), force=draw(st.booleans()))
        for number in range(draw(st.integers(1, 4)))
    ]
    return draw(contents), runs, draw(st.permutations([run.number for run in runs] * 2))


@settings(max_examples=600, deadline=None)
@given(history=histories())
def test_in_every_order_the_newest_published_snapshot_wins(history: tuple[Content, list[Run], list[int]]) -> None:
    before, runs, order = history
    table = Table(target=dict(before))
    begun: set[int] = set()
    for number in [*order, *range(len(runs)), *range(len(runs))]:
        run = runs[number]
        if number not in begun:
            begun.add(number)
            table.plan(run)
        elif run.ended is None:
            table.publish(run)
        assert table.target == newest_published(before, runs)
    assert all(run.ended is not None for run in runs)


def planned(value: str | None, action: ScopeAction, fingerprint: str = "new") -> PlannedScope:
    return PlannedScope(value=value, action=action, rows=1, fingerprint=fingerprint)


def published(value: str | None, *, at: int, fingerprint: str | None = "old", definition: str = HASH) -> PublishedScope:
    return PublishedScope(
        value=value, fingerprint=fingerprint, definition_hash=definition, snapshot_at=moment(at), rows=3
    )


def settled(
    scopes: Sequence[PlannedScope],
    state: Sequence[PublishedScope],
    *,
    scan_from: str | None = None,
    newer: Sequence[Scan] = (),
    deletes: bool = True,
) -> Settlement:
    """Settle for a run with snapshot 5."""
    return settle(
        scopes,
        state,
        snapshot_at=moment(5),
        definition_hash=HASH,
        own_scan_from=scan_from,
        newer=newer,
        deletes=deletes,
    )


def test_equal_snapshots_may_write_and_newer_ones_may_not_be_overwritten() -> None:
    plan = [planned("a", ScopeAction.CHANGED), planned("b", ScopeAction.VANISHED)]
    for at, actions in ((4, ["changed", "vanished"]), (5, ["changed", "vanished"]), (6, ["superseded"] * 2)):
        settlement = settled(plan, [published("a", at=at), published("b", at=at)])
        assert [str(scope.action) for scope in settlement.scopes] == actions


def test_an_unchanged_scope_that_an_older_run_has_changed_is_loaded_after_all() -> None:
    settlement = settled([planned("a", ScopeAction.UNCHANGED)], [published("a", at=4, fingerprint="other")])
    assert [scope.value for scope in settlement.to_load] == ["a"]
    assert settlement.scopes[0].action is ScopeAction.CHANGED


def test_an_unchanged_scope_of_another_definition_is_loaded_after_all() -> None:
    scope = planned("a", ScopeAction.UNCHANGED, "old")
    assert settled([scope], [published("a", at=4)]).to_load == ()
    assert settled([scope], [published("a", at=4, definition="other")]).to_load != ()


def test_an_unchanged_scope_that_a_newer_run_has_changed_is_left_alone() -> None:
    settlement = settled([planned("a", ScopeAction.UNCHANGED)], [published("a", at=6, fingerprint="other")])
    assert settlement.to_load == ()
    assert settlement.scopes[0].action is ScopeAction.UNCHANGED


def test_a_scope_that_an_older_run_published_meanwhile_and_this_scan_does_not_have_vanishes() -> None:
    assert settled([], [published("a", at=4)]).having(ScopeAction.VANISHED) == ["a"]
    assert settled([], [published("a", at=6)]).scopes == ()
    assert settled([], [published("a", at=4, fingerprint=None)]).scopes == ()
    assert settled([], [published("a", at=4)], scan_from="b").scopes == ()
    assert settled([], [published("a", at=4)], deletes=False).scopes == ()


def test_a_scope_that_a_newer_scan_did_not_find_is_superseded_though_it_was_never_published() -> None:
    plan = [planned("a", ScopeAction.CHANGED)]
    assert settled(plan, []).having(ScopeAction.CHANGED) == ["a"]
    newer = [Scan(snapshot_at=moment(6), scan_from="a"), Scan(snapshot_at=moment(7), scan_from="b")]
    assert settled(plan, [], newer=newer).having(ScopeAction.SUPERSEDED) == ["a"]
    assert settled(plan, [], newer=newer[1:]).having(ScopeAction.CHANGED) == ["a"]


def test_a_held_scope_stays_held_whatever_others_have_published() -> None:
    for at in (4, 6):
        assert settled([planned("a", ScopeAction.HELD)], [published("a", at=at)]).having(ScopeAction.HELD) == ["a"]


def test_an_empty_scope_that_an_older_run_published_meanwhile_is_held_where_there_is_a_scope_gate() -> None:
    settlement = settle(
        [],
        [published("a", at=4)],
        snapshot_at=moment(5),
        definition_hash=HASH,
        own_scan_from=None,
        newer=[],
        holds_empty=True,
    )
    assert settlement.having(ScopeAction.HELD) == ["a"]
    assert settlement.having(ScopeAction.VANISHED) == []


def test_the_table_gate_looks_again_at_what_is_published_now() -> None:
    scopes = [replace(planned(value, ScopeAction.CHANGED), rows=1) for value in ("a", "b", "c")]
    state = [published("a", at=4), published("b", at=6)]
    beside = against_published(scopes, state, snapshot_at=moment(5))
    assert [(scope.rows, scope.published_rows) for scope in beside] == [(1, 3), (3, 3), (1, 0)]
