"""Show a run until it has ended: bars on a terminal, a line for every change elsewhere."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from infra.cli.documents import Document
from infra.cli.errors import CommandError, Exit
from infra.cli.output import Output, is_coloured, milliseconds, state
from infra.cli.session import Session

if TYPE_CHECKING:
    from rich.progress import TaskID

FINE = ("success", "no_new_data")
_POLL_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
"""How long the API may be away meanwhile: it is deployed or started anew now and then."""
_LINES_BESIDE = 4
"""Of the terminal, that are not bars of tables."""


class _View(Protocol):
    def show(self, tables: list[Document]) -> None: ...

    def close(self) -> None: ...


def watch(session: Session, run_id: UUID) -> Document:
    """The run at its end, shown meanwhile. Interrupted, the run goes on."""
    view = _view(session.out)
    reached = time.monotonic()
    try:
        while True:
            try:
                document = session.api.read(f"/runs/{run_id}")
                reached = time.monotonic()
            except CommandError as error:
                if error.code is not Exit.UNREACHABLE or time.monotonic() - reached > _PATIENCE_SECONDS:
                    raise
            else:
                view.show(document["tables"])
                if document["status"] != "running":
                    return document
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt as error:
        raise CommandError(
            Exit.INTERRUPTED, f"no longer watched; the run goes on. See it by: refreshctl run {run_id} --watch"
        ) from error
    finally:
        view.close()


def _view(out: Output) -> _View:
    if out.as_json:
        return _Nothing()
    return _Bars() if out.is_terminal and os.environ.get("TERM") != "dumb" else _Lines(out)


class _Nothing:
    def show(self, tables: list[Document]) -> None:
        """Scripts get the end alone."""

    def close(self) -> None:
        """Nothing is open."""


class _Lines:
    def __init__(self, out: Output) -> None:
        self._out = out
        self._known: dict[str, str] = {}

    def show(self, tables: list[Document]) -> None:
        for one in tables:
            said = _said(one)
            if self._known.get(one["table"], "queued") != said:
                self._known[one["table"]] = said
                self._out.line(f"{one['table']}: {said}")

    def close(self) -> None:
        """Nothing is open."""


class _Bars:
    """How many tables have ended, and below it those under way; one that ends becomes a line above."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bars: dict[str, TaskID] = {}
        self._ended: set[str] = set()
        coloured = is_coloured(is_terminal=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[said]}", markup=False),
            TimeElapsedColumn(),
            console=Console(highlight=False, no_color=not coloured),
        )
        self._all = self._progress.add_task("all tables", total=None, said="")
        self._progress.start()

    def show(self, tables: list[Document]) -> None:
        ended = [one for one in tables if one["finished_at"]]
        for one in ended:
            self._end(one)
        room = max(1, self._progress.console.height - _LINES_BESIDE)
        under_way = [one for one in tables if not one["finished_at"] and (one["status"] == "running" or one["reason"])]
        for one in under_way[:room]:
            self._bar(one)
        said = f"{len(ended):,}/{len(tables):,} ended"
        self._progress.update(self._all, total=len(tables) or None, completed=len(ended), said=said)

    def _bar(self, table: Document) -> None:
        name = table["table"]
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=1.0, said="")
        self._progress.update(self._bars[name], completed=_share(table), said=_said(table))

    def _end(self, table: Document) -> None:
        from rich.text import Text

        name = table["table"]
        if name in self._ended:
            return
        self._ended.add(name)
        if name in self._bars:
            self._progress.remove_task(self._bars.pop(name))
        self._progress.console.print(Text(f"{name}: "), Text(_said(table), style=state(table["status"]).style), sep="")

    def close(self) -> None:
        self._progress.remove_task(self._all)
        for bar in self._bars.values():
            self._progress.remove_task(bar)
        self._progress.stop()


def _said(table: Document) -> str:
    status: str = table["status"]
    if table["finished_at"]:
        return ", ".join([status if table["reason"] is None else f"{status} ({table['reason']})", *_figures(table)])
    if table["reason"]:
        return f"waits ({table['reason']})"
    if status == "running" and table["phase"] == "loading":
        return f"loading, slices {table['slices_done']}/{table['slices_total']}"
    if table["waits_for"]:
        return f"{'staged, ' if status == 'running' else ''}waits for {_briefly(table['waits_for'])}"
    return table["phase"] if status == "running" else status


def _figures(table: Document) -> list[str]:
    counts = (("rows_inserted", "new"), ("rows_updated", "changed"), ("rows_deleted", "gone"))
    said = [f"{table[name]:,} {word}" for name, word in counts if table[name]]
    return said if table["duration_ms"] is None else [*said, f"in {milliseconds(table['duration_ms'])}"]


def _briefly(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} more"


def _share(table: Document) -> float:
    """How much is done, by rows where they are known."""
    if table["finished_at"] or table["phase"] in ("staged", "publishing"):
        return 1.0
    expected, received = (
        float(sum(one[name] for one in table["slices"])) for name in ("rows_expected", "rows_received")
    )
    return min(1.0, received / expected) if expected else 0.0
