"""What a table must be after any sequence of runs and decisions, as simply as it can be said: in sets of rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.support.item_source import Version
from tests.support.staged import Item

Rows = Counter[Item]
Content = Version
_NOTHING: Content = frozenset()


@dataclass
class Part:
    """A scope as last published."""

    content: Content | None
    """None: it holds rows that no run has published."""
    seen: int
    """The newest snapshot that was published of it, or found equal to it."""
    refused: set[Content] = field(default_factory=set)


@dataclass
class Publish:
    """A publish that wrote rows, and what it overwrote."""

    run: int
    snapshot: int
    wrote: dict[str, Content]
    before: dict[str, Part | None]
    added: Rows
    removed: Rows
    was_empty: bool
    state: str = "kept"

    @property
    def keys(self) -> set[int]:
        return {key for key, _, _ in (*self.added, *self.removed)}


class TableModel:
    """One table, keyed or not, of which the last `keeps` publishes can be taken back."""

    def __init__(self, *, keyed: bool, keeps: int) -> None:
        self.rows: Rows = Counter()
        self.publishes: list[Publish] = []
        self._keyed = keyed
        self._keeps = keeps
        self._parts: dict[str, Part] = {}
        self._scans: list[int] = []
        self.runs = 0

    def refresh(self, source: Version, snapshot: int, *, force: bool) -> tuple[str, str | None]:
        """A run at the snapshot, at which the source is as given; how it ends."""
        self.runs += 1
        wrote: dict[str, Content] = {}
        held = superseded = 0
        for part in sorted({one[1] for one in source} | self._parts.keys()):
            content = frozenset(one for one in source if one[1] == part)
            match self._verdict(part, content, snapshot, force):
                case "write":
                    wrote[part] = content
                case "held":
                    held += 1
                case "superseded":
                    superseded += 1
                case "equal":
                    self._parts[part].seen = max(self._parts[part].seen, snapshot)
        ended = _ending(bool(wrote), held, superseded)
        if ended[0] not in ("held", "skipped"):
            self._scans.append(snapshot)
        if wrote:
            self._publish(wrote, snapshot)
        return ended

    def in_the_way(self, publish: Publish) -> list[int]:
        """Runs that have to be taken back before this one, the newest first."""
        later = [one for one in self.publishes if one.run > publish.run and one.state != "rolled_back"]
        return [one.run for one in reversed(later) if self._touches(publish, one)]

    def roll_back(self, publish: Publish) -> None:
        """Take it back; nothing stands in the way of it."""
        assert publish.state == "kept"
        assert self.in_the_way(publish) == []
        self.rows = self.rows - publish.added + publish.removed
        publish.state = "rolled_back"
        for part, content in publish.wrote.items():
            now, before = self._parts[part], publish.before[part]
            now.refused |= {content} | ({now.content} if now.content is not None else set())
            now.content = before.content if before is not None else self._unknown(part)

    def _verdict(self, part: str, content: Content, snapshot: int, force: bool) -> str:
        before = self._parts.get(part)
        differs = self._differs(before, content, force)
        if before is not None and differs and content in before.refused and not force:
            return "held"
        known = before is not None and before.content != _NOTHING
        scanned_later = not known and any(scan > snapshot for scan in self._scans)
        if scanned_later or (before is not None and before.seen > snapshot):
            return "superseded" if differs else "left"
        if differs:
            return "write"
        return "equal" if before is not None and content else "left"

    def _differs(self, before: Part | None, content: Content, force: bool) -> bool:
        if not content:
            return before is not None and before.content != _NOTHING
        return force or before is None or before.content != content

    def _publish(self, wrote: dict[str, Content], snapshot: int) -> None:
        old, was_empty = self.rows, not self.rows
        keys = {key for content in wrote.values() for key, _, _ in content}
        stays = {one: n for one, n in old.items() if one[1] not in wrote and not (self._keyed and one[0] in keys)}
        self.rows = Counter(stays) + Counter(one for content in wrote.values() for one in content)
        before = {part: self._parts.get(part) for part in wrote}
        for part, content in wrote.items():
            self._parts[part] = Part(content=content, seen=snapshot)
        if self.rows == old:
            return
        self.publishes.append(
            Publish(
                run=self.runs,
                snapshot=snapshot,
                wrote=wrote,
                before=before,
                added=self.rows - old,
                removed=old - self.rows,
                was_empty=was_empty,
            )
        )
        kept = [one for one in self.publishes if one.state == "kept"]
        for one in kept[: max(0, len(kept) - self._keeps)]:
            one.state = "expired"

    def _touches(self, publish: Publish, later: Publish) -> bool:
        if (
            publish.was_empty
            or later.was_empty
            or later.state == "expired"
            or publish.wrote.keys() & later.wrote.keys()
        ):
            return True
        return self._keyed and bool(publish.keys & later.keys)

    def _unknown(self, part: str) -> Content | None:
        return None if any(one[1] == part for one in self.rows) else _NOTHING


def _ending(wrote: bool, held: int, superseded: int) -> tuple[str, str | None]:
    if held:
        return ("warning" if wrote else "held"), "rolled_back"
    if wrote:
        return "success", None
    return ("skipped", "superseded") if superseded else ("no_new_data", None)
