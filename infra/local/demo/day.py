"""One day of the demo: its run watched, summed up, and held against what had changed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from infra.local.demo.control_plane import ControlPlane, Run, Task
from infra.local.sample.load import Change

_POLL_SECONDS = 0.2
_PATIENCE_SECONDS = 1500
_COUNTS = ("read", "inserted", "updated", "deleted", "unchanged")


@dataclass(frozen=True, kw_only=True)
class Moved:
    """The scopes that a table's task moved, against those whose source had changed."""

    table: str
    scopes: tuple[str, ...]
    expected: tuple[str, ...]
    unchanged: int

    @property
    def as_expected(self) -> bool:
        """Whether nothing moved but what had changed."""
        return set(self.scopes) <= set(self.expected)


def watch(console: Console, control: ControlPlane, key: str) -> Run:
    """Wait for the run's end, with a bar a table on a terminal and a line a table elsewhere."""
    end = time.monotonic() + _PATIENCE_SECONDS
    with _Bars(console) if console.is_terminal else _Lines(console) as shown:
        while time.monotonic() < end:
            run = control.run_of(key)
            if run is not None:
                shown.show(control.tasks(run.run_id))
                if run.status != "running":
                    return run
            time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"run {key} did not end within {_PATIENCE_SECONDS} s; the functions' logs tell why")


def summary_table(control: ControlPlane, run: Run) -> Table:
    """What the run did, table by table."""
    table = Table(title=f"Run {run.run_id} at snapshot {run.snapshot_at:%Y-%m-%d %H:%M:%S.%f} UTC: {run.status}")
    table.add_column("table")
    table.add_column("outcome")
    for name in ("rows read", *_COUNTS[1:], "skipped slices", "seconds"):
        table.add_column(name, justify="right")
    for task in control.tasks(run.run_id):
        counts = [f"{task.counts[name]:,}" for name in _COUNTS]
        seconds = "" if task.seconds is None else f"{task.seconds:.1f}"
        outcome = task.status if task.reason is None else f"{task.status} ({task.reason})"
        table.add_row(task.table, outcome, *counts, str(task.skipped), seconds)
    return table


def check_moved(control: ControlPlane, run_id: UUID, changes: list[Change]) -> list[Moved]:
    """Hold what each table moved against what had changed in its source."""
    changed = {change.source: (*change.restated, *change.added) for change in changes}
    return [
        Moved(
            table=row["table"],
            scopes=tuple(row["moved"]),
            expected=changed[row["source"]],
            unchanged=row["unchanged"],
        )
        for row in control.moved_scopes(run_id)
    ]


class _Lines:
    """A line whenever a table has started or ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._known: dict[str, str] = {}

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, tasks: list[Task]) -> None:
        for task in tasks:
            if self._known.get(task.table) != task.status:
                self._known[task.table] = task.status
                self._console.print(f"  {task.table}: {task.status}")


class _Bars:
    """A bar for every table."""

    def __init__(self, console: Console) -> None:
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description:<40}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, tasks: list[Task]) -> None:
        for task in tasks:
            if task.table not in self._bars:
                self._bars[task.table] = self._progress.add_task(task.table, total=1, state="")
            ended = task.status not in ("queued", "running")
            share = 1.0 if ended else (task.done / task.total if task.total else 0.0)
            state = f"{task.phase} {task.done}/{task.total}" if task.status == "running" else task.status
            self._progress.update(self._bars[task.table], completed=share, state=state)
