"""Helpers to run the embedded stack in tests, as a script would, and to see what it leaves behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from infra.local import env_file
from infra.local.process import OWNER_MARK
from infra.local.stack import ROOT
from tests.support.waiting import wait_for


class Up:
    """A running `python -m infra.local up`."""

    def __init__(self, process: subprocess.Popen[str], file: Path) -> None:
        self.process = process
        self.file = file

    @property
    def env(self) -> dict[str, str]:
        return env_file.read(self.file)

    def wait_ready(self, timeout: float = 120) -> None:
        wait_for(lambda: self.file.exists() or self.process.poll() is not None, "the stack", timeout=timeout)
        assert self.process.poll() is None, self.process.communicate()

    def processes(self) -> list[psutil.Process]:
        """What this stack has started and is still there."""
        return [process for process in psutil.process_iter() if _is_of(process, self.process.pid)]

    def end(self, how: signal.Signals) -> tuple[int, str]:
        """Signal it, and return its exit code and what it wrote."""
        self.process.send_signal(how)
        output, _ = self.process.communicate(timeout=60)
        return self.process.returncode, output


@contextmanager
def up(file: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Up]:
    """Start `up` with these options; it is killed at the end if the test left it running."""
    command = [sys.executable, "-m", "infra.local", "up", "--env-file", str(file), *options]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Up(process, file)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def project_with(folder: Path, functions: Mapping[str, str]) -> Path:
    """A folder whose `functions/` hold these sources, for `Stack(root=…)`."""
    for name, source in functions.items():
        place = folder / "functions" / name
        place.mkdir(parents=True)
        (place / "main.py").write_text(source)
    return folder


def _is_of(process: psutil.Process, owner: int) -> bool:
    try:
        return process.environ().get(OWNER_MARK, "").startswith(f"{owner}-")
    except (psutil.Error, OSError):
        return False
