"""How a task ends that got as far as publishing."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.states import TaskStatus


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What a publish did."""

    scopes_written: int
    scopes_held: int
    scopes_superseded: int
    rows_quarantined: int
    rows_quarantined_before: int
    """In scopes that did not change: rejected when they were published."""
    rows_refused: int
    """Append only: source rows that differ from, and published rows that vanished from, what is published."""
    scopes_refused: int = 0
    """Of those held: what was taken back."""
    hold_reason: str = "scopes_held"
    """Of the held scopes."""
    checks_warned: int = 0
    """Checks of the data that failed without holding anything."""


def outcome(tally: Tally) -> tuple[TaskStatus, str | None]:
    """The task's status and, where it is not plain success, the reason."""
    if tally.scopes_written == 0 and tally.scopes_held > 0:
        return TaskStatus.HELD, tally.hold_reason
    if tally.scopes_written == 0 and tally.scopes_superseded > 0:
        return TaskStatus.SKIPPED, "superseded"
    if tally.scopes_held > 0:
        return TaskStatus.WARNING, tally.hold_reason
    if tally.rows_quarantined > 0 or tally.rows_quarantined_before > 0:
        return TaskStatus.WARNING, "rows_quarantined"
    if tally.rows_refused > 0:
        return TaskStatus.WARNING, "append_only"
    if tally.checks_warned > 0:
        return TaskStatus.WARNING, "checks_warned"
    if tally.scopes_written == 0:
        return TaskStatus.NO_NEW_DATA, None
    return TaskStatus.SUCCESS, None
