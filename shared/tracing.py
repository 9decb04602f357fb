"""Spans around what is done, for whoever follows a run through all its messages.

They are told to the tracer that the process has installed. There is none unless the settings ask for one, and then all
of this costs nothing. As with a log, whoever does something does not need to know who listens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol

Kind = Literal["internal", "server", "consumer", "client"]
Value = str | int | float | bool
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-9a-f]")


class Tracer(Protocol):
    """Who is told of spans."""

    def span(
        self, name: str, *, kind: Kind, parent: str | None, attributes: dict[str, Value]
    ) -> AbstractContextManager[None]:
        """A span around a block, below the one that is open here or, if it is given, below `parent`."""
        ...

    def event(self, name: str) -> None:
        """Something has happened in the span that is open here."""
        ...

    def attribute(self, name: str, value: Value) -> None:
        """Something is known by now about the span that is open here."""
        ...

    def traceparent(self) -> str | None:
        """The span that is open here, in the form of W3C Trace Context; None: there is none."""
        ...

    def flush(self) -> None:
        """Send what has ended. Never raises, and takes no longer than a few seconds."""
        ...


_installed: Tracer | None = None


def install(tracer: Tracer | None) -> None:
    """Have everything that follows in this process told to `tracer`; None: to nobody."""
    global _installed
    _installed = tracer


@contextmanager
def span(
    name: str, *, kind: Kind = "internal", parent: str | None = None, attributes: dict[str, Value] | None = None
) -> Iterator[None]:
    """A span around the block. `parent`: a traceparent from outside; one that is none is left out."""
    if _installed is None:
        yield
        return
    known = parent if parent is not None and _TRACEPARENT.fullmatch(parent) else None
    with _installed.span(name, kind=kind, parent=known, attributes=attributes or {}):
        yield


def is_kept(parent: str) -> bool:
    """Whether whoever sent this traceparent keeps its spans: bit 0 of the flags."""
    return _TRACEPARENT.fullmatch(parent) is not None and bool(int(parent[-1], 16) & 1)


def event(name: str) -> None:
    """Note a moment in the span that is open here."""
    if _installed is not None:
        _installed.event(name)


def attribute(name: str, value: Value) -> None:
    """Say more about the span that is open here."""
    if _installed is not None:
        _installed.attribute(name, value)


def traceparent() -> str | None:
    """What to send along, so that whoever takes a message goes on with the trace."""
    return None if _installed is None else _installed.traceparent()


def flush() -> None:
    """Send what has ended: between messages a function may have no time of its own."""
    if _installed is not None:
        _installed.flush()
