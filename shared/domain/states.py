"""States of runs, tasks and slices, and what ends them. The database guards the moves (see infra/migrations)."""

from __future__ import annotations

from enum import StrEnum


class TaskStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    NO_NEW_DATA = "no_new_data"
    WARNING = "warning"
    HELD = "held"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def ended(self) -> bool:
        return self not in (TaskStatus.QUEUED, TaskStatus.RUNNING)

    @property
    def done_for_dependents(self) -> bool:
        """Whether a table that hard-depends on this one may run."""
        return self in (TaskStatus.SUCCESS, TaskStatus.WARNING, TaskStatus.NO_NEW_DATA)


class Mode(StrEnum):
    """How far a task goes, fixed when its run is planned. A table's registered mode may also be `disabled`."""

    PLAN = "plan"
    """Find what changed, and tell."""
    DRY_RUN = "dry_run"
    """Load it too, and tell what a publish would do."""
    SHADOW = "shadow"
    LIVE = "live"
    VERIFY = "verify"
    """Compare source and target as they are; only of live tables."""

    @property
    def writes(self) -> bool:
        """Whether a table is written, be it the live one or its shadow."""
        return self in (Mode.LIVE, Mode.SHADOW)


class Phase(StrEnum):
    PLANNING = "planning"
    LOADING = "loading"
    STAGED = "staged"
    PUBLISHING = "publishing"


class RunStatus(StrEnum):
    RUNNING = "running"
    SUCCESS = "success"
    WARNING = "warning"
    FAILED = "failed"


class ScopeAction(StrEnum):
    """What the plan does about a scope value."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    VANISHED = "vanished"
    HELD = "held"
    SUPERSEDED = "superseded"


def run_status(tasks: list[TaskStatus]) -> RunStatus:
    """The status of a run whose tasks have the given ones; `running` while any has not ended."""
    if any(not status.ended for status in tasks):
        return RunStatus.RUNNING
    if TaskStatus.FAILED in tasks:
        return RunStatus.FAILED
    if any(status in (TaskStatus.WARNING, TaskStatus.HELD, TaskStatus.SKIPPED) for status in tasks):
        return RunStatus.WARNING
    return RunStatus.SUCCESS
