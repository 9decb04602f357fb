"""Walks through a document's commands as a reader would, in a folder that looks like a fresh checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from infra.local.stack import ROOT
from tests.docs.documents import Block
from tests.support.waiting import wait_for

_FINISHED = "SELECT NOT EXISTS (SELECT FROM refresh.refresh_run WHERE status = 'running')"


class Walk:
    """A reader's terminals. `.venv/bin` has the interpreter of the tests, and the command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._env = dict(os.environ)
        self._background: list[subprocess.Popen[str]] = []
        folder.mkdir()
        for entry in ROOT.iterdir():
            if not entry.name.startswith("."):
                (folder / entry.name).symlink_to(entry)
        (folder / ".venv" / "bin").mkdir(parents=True)
        for name, command in (("python", sys.executable), ("refreshctl", f"{sys.executable} -m infra.cli")):
            script = folder / ".venv" / "bin" / name
            script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            script.chmod(0o755)

    @property
    def env(self) -> dict[str, str]:
        """The second terminal's environment."""
        return dict(self._env)

    def sh(self, block: Block) -> str:
        """Run a block of shell; what it exports stays for the next. AssertionError has its output if it fails."""
        kept = self.folder / "environment"
        done = self._run(["bash", "-euo", "pipefail", "-c", f"{block.text}\nenv -0 >{kept}"])
        assert done.returncode == 0, f"README.md, line {block.line}: {done.stdout}{done.stderr}"
        self._env = dict(line.split("=", 1) for line in kept.read_text().split("\0") if line)
        return done.stdout

    def start(self, block: Block, *, ready: str) -> None:
        """Run a block in a terminal of its own, and return when the file `ready` is there."""
        process = subprocess.Popen(
            ["bash", "-c", f"exec env {block.text}"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._background.append(process)
        file = self.folder / ready
        wait_for(lambda: file.exists() or process.poll() is not None, ready, timeout=120)
        assert process.poll() is None, process.communicate()

    def psql(self, text: str) -> tuple[int, str]:
        """Run SQL; the exit code, and what is shown."""
        done = self._run(["psql", "-X", "-v", "ON_ERROR_STOP=1", self._env["DATABASE_URL"], "-c", text])
        return done.returncode, done.stdout + done.stderr

    def wait_for_runs(self) -> None:
        """Wait until no run is under way."""
        wait_for(lambda: self.psql(_FINISHED)[1].split()[2] == "t", "the runs' end", timeout=120)

    def end(self) -> None:
        """Ctrl-C in every terminal."""
        for process in self._background:
            process.terminate()
        for process in self._background:
            process.communicate(timeout=60)

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
