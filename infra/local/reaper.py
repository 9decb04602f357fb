"""Ends what the stack started if the stack itself is killed: it reads a pipe whose other end dies with the stack."""

import subprocess
import sys
from types import TracebackType
from typing import Self

import psutil

from infra.local import interrupts
from infra.local.process import OWNER, OWNER_MARK


class Reaper:
    """A small process beside the stack. As a context manager it is let go unharmed after everything was stopped."""

    def __enter__(self) -> Self:
        with interrupts.held():
            command = [sys.executable, "-m", "infra.local.reaper", OWNER]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def owned(owner: str) -> list[psutil.Process]:
    """The processes that carry the owner's mark in their environment."""
    return [process for process in psutil.process_iter() if _mark(process) == owner]


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(OWNER_MARK)
    except (psutil.Error, OSError):
        return None


def main() -> None:
    sys.stdin.buffer.read()
    for process in owned(sys.argv[1]):
        process.kill()


if __name__ == "__main__":
    main()
