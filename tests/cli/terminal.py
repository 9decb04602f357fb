"""A terminal with the command in it: what is shown, and somebody who types."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence

from infra.local.stack import ROOT

_SECONDS = 60.0


class Terminal:
    """A program on a terminal."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], *, columns: int = 100) -> None:
        self.shown = ""
        self._read = 0
        """How much of it has been looked at."""
        others = ("API_", "REFRESH", "COLUMNS")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(ROOT)
            os.execvpe(command[0], list(command), kept | {"TERM": "xterm"} | dict(env))
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._fd, text.encode())

    def wait_for(self, text: str) -> str:
        """All that was shown, once this is among what came since the last one."""
        self._read_until(lambda: text in self.shown[self._read :], f"{text!r} is not shown")
        self._read = self.shown.index(text, self._read) + len(text)
        return self.shown

    def end(self) -> int:
        """The exit code, when the program has ended."""
        self._read_until(lambda: False, "the program does not end", at_end=True)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def _read_until(self, done: Callable[[], bool], wrong: str, *, at_end: bool = False) -> None:
        until = time.monotonic() + _SECONDS
        while not done():
            assert time.monotonic() < until, f"{wrong} in:\n{self.shown}"
            if select.select([self._fd], [], [], 0.1)[0]:
                try:
                    read = os.read(self._fd, 65536)
                except OSError:
                    read = b""
                if not read:
                    assert at_end, f"{wrong}; it has ended:\n{self.shown}"
                    break
                self.shown += read.decode(errors="replace")


def refreshctl(*arguments: str) -> list[str]:
    """The command, to be run in a terminal."""
    return [sys.executable, "-m", "infra.cli", *arguments]
