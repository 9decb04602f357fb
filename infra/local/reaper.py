"""Ends what the stack started if the stack itself is killed: it reads a pipe whose other end dies with the stack."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from infra.local import interrupts, server_files
from infra.local.process import OWNER, OWNER_MARK

_ROOT = Path(__file__).parents[2]


class Reaper:
    """A small process beside the stack; as a context manager it is let go after everything was stopped.

    `folder`: a temporary one that it removes too.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        with interrupts.held():
            command = [sys.executable, "-m", "infra.local.reaper", OWNER, str(self._folder)]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, cwd=_ROOT)
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
    owner, folder = sys.argv[1:]
    doomed = owned(owner)
    for process in doomed:
        process.kill()
    psutil.wait_procs(doomed, timeout=5)
    server_files.remove_home(Path(folder) / "data" / "postgres")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
