"""SIGTERM and SIGINT end the program by SystemExit, but never between starting a process and noting that it runs."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_held = 0
_pending = False


def install() -> None:
    """Make SIGTERM and SIGINT raise `SystemExit(0)` in the main thread."""
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)


@contextmanager
def held() -> Iterator[None]:
    """Hold an interrupt back until the block ends. Only the main thread receives signals, so others pass through."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1
    _raise_if_due()


def ignore() -> None:
    """From now on the program is stopping: a second signal must not tear the cleaning up apart."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _pending
    _pending = True
    _raise_if_due()


def _raise_if_due() -> None:
    global _pending
    if _pending and _held == 0:
        _pending = False
        ignore()
        sys.exit(0)
