"""Show a run until it has ended: bars on a terminal, a line for every change elsewhere."""

from __future__ import annotations

import time
from typing import Protocol
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from infra.cli.api import Document
from infra.cli.errors import CommandError, Exit
from infra.cli.session import Session

_POLL_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
"""How long the API may be away meanwhile: it is deployed or started anew now and then."""


class _View(Protocol):
    def show(self, tables: list[Document]) -> None: ...

    def close(self) -> None: ...


def watch(session: Session, run_id: UUID) -> Document:
    """The run at its end, shown meanwhile. Interrupted, the run goes on."""
    view = _view(session)
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


def _view(session: Session) -> _View:
    if session.out.as_json:
        return _Nothing()
    return _Bars(session.out.console) if session.out.is_terminal else _Lines(session.out.console)


class _Nothing:
    def show(self, tables: list[Document]) -> None:
        """Scripts get the end alone."""

    def close(self) -> None:
        """Nothing is open."""


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._known: dict[str, str] = {}

    def show(self, tables: list[Document]) -> None:
        for one in tables:
            said = _said(one)
            if self._known.get(one["table"]) != said:
                self._known[one["table"]] = said
                self._console.print(f"{one['table']}: {said}", markup=False)

    def close(self) -> None:
        """Nothing is open."""


class _Bars:
    def __init__(self, console: Console) -> None:
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[said]}", markup=False),
            TimeElapsedColumn(),
            console=console,
        )
        self._progress.start()

    def show(self, tables: list[Document]) -> None:
        for one in tables:
            name = one["table"]
            if name not in self._bars:
                self._bars[name] = self._progress.add_task(name, total=1.0, said="")
            self._progress.update(self._bars[name], completed=_share(one), said=_said(one))
            if one["finished_at"]:
                self._progress.stop_task(self._bars[name])

    def close(self) -> None:
        self._progress.stop()


def _said(table: Document) -> str:
    status: str = table["status"]
    if table["finished_at"]:
        return status if table["reason"] is None else f"{status} ({table['reason']})"
    if table["reason"]:
        return f"waits ({table['reason']})"
    if status == "running" and table["phase"] == "loading":
        return f"loading, slices {table['slices_done']}/{table['slices_total']}"
    if table["waits_for"]:
        return f"{'staged, ' if status == 'running' else ''}waits for {', '.join(table['waits_for'])}"
    return table["phase"] if status == "running" else status


def _share(table: Document) -> float:
    """How much is done, by rows where they are known."""
    if table["finished_at"] or table["phase"] in ("staged", "publishing"):
        return 1.0
    expected, received = (
        float(sum(one[name] for one in table["slices"])) for name in ("rows_expected", "rows_received")
    )
    return min(1.0, received / expected) if expected else 0.0
