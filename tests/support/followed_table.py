"""A table followed through runs and decisions: whichever way the engine decides, what must then hold is asserted.

The gates are not modelled. What a task reports (its status, and the action on each scope) tells what the table must be
now; the fingerprints of the source (tests/support/item_source.py) are its content, so what the control plane vouches
for is compared with it literally.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast
from uuid import UUID

from shared.domain.messages import TableMessage
from shared.ports import Row
from tests.support.engine import Engine
from tests.support.item_source import ItemSource, Version, fingerprint
from tests.support.staged import Item

WRITTEN = {"changed", "vanished"}
VANISHED = ""
"""Stands among what was refused for a scope that is not there."""
Rows = Counter[Item]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """A scope in the partition state."""

    fingerprint: str | None = None
    snapshot_at: datetime
    refused: frozenset[str] = frozenset()


State = dict[str, Scope]


@dataclass(frozen=True, kw_only=True)
class Held:
    """A delivery of which something was held, and the table as it was then."""

    run: UUID
    reason: str
    snapshot: datetime
    scopes: dict[str, str | None]
    """What was held of each, by its fingerprint."""
    unchanged: frozenset[str]
    rows: Rows
    state: State


@dataclass(kw_only=True)
class Publish:
    """A publish that changed rows."""

    run: UUID
    wrote: dict[str, str | None]
    added: Rows
    removed: Rows
    kept: bool = True
    taken_back: bool = False


@dataclass(kw_only=True)
class FollowedTable:
    """What is known of a table of items (id, part, text) after each task."""

    engine: Engine
    table: str
    source: ItemSource
    keyed: bool
    keeps: int
    rows: Rows = field(default_factory=Counter)
    state: State = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)
    publishes: list[Publish] = field(default_factory=list)
    scans: list[datetime] = field(default_factory=list)
    """Snapshots of the runs that did not leave the table as it was for want of a decision."""
    latest: UUID | None = None
    """The latest run that published, found nothing new, or was held."""

    def deliver(self, message: TableMessage, snapshot: datetime, *, force: bool, released: Held | None = None) -> Row:
        """Let the worker do the task, and see that the table is as the task tells."""
        task = self.engine.deliver(message)
        status = task["status"]
        assert status in ("success", "warning", "no_new_data", "held", "skipped"), task["error"]
        source = self.source.as_of(snapshot)
        actions = self._actions(message)
        wrote = {
            part: fingerprint(source, part)
            for part, action in actions.items()
            if action in WRITTEN and status in ("success", "warning")
        }
        assert bool(wrote) == (status in ("success", "warning"))
        assert status != "success" or "held" not in actions.values()
        self._may_be_written(wrote, force=force, released=released)
        rows, state = self.rows, self.state
        self._write(message.run_id, wrote, source)
        self.state = self._read_state()
        self._are_vouched_for(state, wrote, snapshot)
        if status in ("success", "no_new_data") and released is None and snapshot >= max(self.scans, default=snapshot):
            self.is_vouched_for_as(source)
        self._note(task, actions, snapshot)
        if status in ("held", "skipped", "no_new_data"):
            assert self.rows == rows
        return task

    def is_vouched_for_as(self, source: Version) -> None:
        """Every scope of the table is published as the source has it."""
        parts = {one[1] for one in source} | self.state.keys()
        assert {part: self._published(part) for part in parts} == {part: fingerprint(source, part) for part in parts}

    def is_as_it_was(self) -> None:
        """Rows and partition state are exactly those after the last step."""
        self._compare_rows()
        assert self._read_state() == self.state

    def is_superseded(self, held: Held) -> bool:
        """Whether newer data was published of everything that was held."""
        return all(self._has_newer(part, held.snapshot) for part in held.scopes)

    def is_undisturbed_since(self, held: Held) -> bool:
        """Whether the table is still as it was when the delivery was held, which is the newest scanned."""
        newest = held.snapshot >= max(self.scans, default=held.snapshot)
        return newest and (self.rows, self.state) == (held.rows, held.state)

    def differs_from(self, held: Held) -> bool:
        """Whether anything of what was held is not what is published: of a run with force all of it may be."""
        return any(self._published(part) != content for part, content in held.scopes.items())

    def was_refused(self, held: Held) -> None:
        """The rows are the same, what is published too, and what was held is remembered."""
        before, self.state = self.state, self._read_state()
        self._compare_rows()
        for part, scope in self.state.items():
            was = before.get(part)
            refused = {held.scopes[part] or VANISHED} if part in held.scopes else set()
            assert scope.refused == (was.refused if was else frozenset()) | refused
            assert scope.fingerprint == (was.fingerprint if was else None)
            assert was is None or scope.snapshot_at == was.snapshot_at
        assert self.state.keys() == before.keys() | held.scopes.keys()

    def was_taken_back(self, publish: Publish) -> None:
        """The rows are those before the publish, and its content is not wanted any more."""
        publish.kept, publish.taken_back = False, True
        before, self.state = self.state, self._read_state()
        self.rows = self.rows - publish.added + publish.removed
        self._compare_rows()
        for part, scope in self.state.items():
            if part in publish.wrote:
                assert scope.refused >= before[part].refused | {publish.wrote[part] or VANISHED}
            else:
                assert scope == before[part]

    def _may_be_written(self, wrote: dict[str, str | None], *, force: bool, released: Held | None) -> None:
        """What was refused or taken back comes by force, or by a release of a run that was held for that; a release
        writes what was held."""
        for part, content in wrote.items():
            if released is not None:
                assert part in released.scopes.keys() | released.unchanged
            known = released.state.get(part) if released is not None else None
            decided = self._refused(part) - (known.refused if known else frozenset())
            assert force or (content or VANISHED) not in decided

    def _write(self, run: UUID, wrote: dict[str, str | None], source: Version) -> None:
        old = self.rows
        coming = [one for one in source if one[1] in wrote]
        keys = {one[0] for one in coming}
        stays = {one: n for one, n in old.items() if one[1] not in wrote and not (self.keyed and one[0] in keys)}
        self.rows = Counter(stays) + Counter(coming)
        self._compare_rows()
        if self.rows != old:
            self.publishes.append(Publish(run=run, wrote=wrote, added=self.rows - old, removed=old - self.rows))
            kept = [one for one in self.publishes if one.kept]
            for one in kept[: max(0, len(kept) - self.keeps)]:
                one.kept = False

    def _are_vouched_for(self, before: State, wrote: dict[str, str | None], snapshot: datetime) -> None:
        assert self.state.keys() == before.keys() | wrote.keys()
        for part, scope in self.state.items():
            if part in wrote:
                assert scope == Scope(fingerprint=wrote[part], snapshot_at=snapshot)
                continue
            was = before[part]
            assert (scope.fingerprint, scope.refused) == (was.fingerprint, was.refused)
            assert scope.snapshot_at in (was.snapshot_at, max(was.snapshot_at, snapshot))

    def _note(self, task: Row, actions: dict[str, str], snapshot: datetime) -> None:
        run, status = task["run_id"], task["status"]
        if status == "skipped":
            return
        self.latest = run
        if status != "held":
            self.scans.append(snapshot)
        kept_back = {"held"} if status == "warning" else {"held"} | WRITTEN
        if status in ("held", "warning"):
            source = self.source.as_of(snapshot)
            scopes = {part: fingerprint(source, part) for part, action in actions.items() if action in kept_back}
            unchanged = frozenset(part for part, action in actions.items() if action == "unchanged")
            found = Held(
                run=run,
                reason=task["reason"],
                snapshot=snapshot,
                scopes=scopes,
                unchanged=unchanged,
                rows=self.rows,
                state=self.state,
            )
            self.held.append(found)

    def _has_newer(self, part: str, snapshot: datetime) -> bool:
        scope = self.state.get(part)
        if scope is not None and scope.snapshot_at > snapshot:
            return True
        return (scope is None or scope.fingerprint is None) and any(scan > snapshot for scan in self.scans)

    def _published(self, part: str) -> str | None:
        return self.state[part].fingerprint if part in self.state else None

    def _refused(self, part: str) -> frozenset[str]:
        return self.state[part].refused if part in self.state else frozenset()

    def _compare_rows(self) -> None:
        rows = self.engine.sql(f"SELECT id, part, text FROM {self.table}")
        assert Counter(cast(Item, tuple(row.values())) for row in rows) == self.rows

    def _read_state(self) -> State:
        rows = self.engine.sql(
            "SELECT scope, fingerprint, snapshot_at, refused FROM refresh.refresh_partition_state"
            " WHERE table_schema || '.' || table_name = :table",
            table=self.table,
        )
        return {
            row["scope"]: Scope(
                fingerprint=row["fingerprint"], snapshot_at=row["snapshot_at"], refused=frozenset(row["refused"])
            )
            for row in rows
        }

    def _actions(self, message: TableMessage) -> dict[str, str]:
        rows = self.engine.sql(
            "SELECT scope, action FROM refresh.refresh_task_scope WHERE run_id = :run", run=message.run_id
        )
        return {row["scope"]: row["action"] for row in rows}
