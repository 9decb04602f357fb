"""Child processes of the stack: a group of their own, a log file, a known moment of readiness, a certain end."""

import contextlib
import os
import pwd
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from infra.local import interrupts

# In the environment of everything that this program starts, so that nothing is overlooked when it ends.
OWNER_MARK = "REFRESH_STACK_OWNER"
OWNER = f"{os.getpid()}-{secrets.token_hex(4)}"

_POLL_SECONDS = 0.05
_LAST_LINES = 15


class PartFailedError(Exception):
    """A part of the stack did not start or did not stay up. The message names it, its log file and its last lines."""

    def __init__(self, part: str, problem: str, log: Path | None = None) -> None:
        self.part = part
        self.log = log
        super().__init__("\n".join([f"{part}: {problem}", *_log_lines(log)]))


def _log_lines(log: Path | None) -> list[str]:
    if log is None:
        return []
    if not log.exists():
        return [f"log: {log} (not written)"]
    lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    return [f"log: {log}", *(f"  | {line}" for line in lines or ["(empty)"])]


class Process:
    """One program that the stack starts, as the leader of a process group of its own.

    `user`: the account to run it as (only root may say so), None: our own. Output is appended to `log`.
    """

    def __init__(
        self,
        part: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.part = part
        self.log = log
        self._command = [str(word) for word in command]
        self._cwd = cwd
        self._env = {**(os.environ if env is None else env), OWNER_MARK: OWNER}
        self._user = user
        self._stop_signal = stop_signal
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The leader's process id. Raises RuntimeError when it was not started."""
        return self._started().pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the program. Raises PartFailedError when it cannot be executed."""
        with interrupts.held(), self.log.open("ab") as output:
            try:
                self._child = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self._cwd,
                    env=self._env,
                    start_new_session=True,
                    user=self._user,
                    group=_group_of(self._user),
                    extra_groups=None if self._user is None else [],
                )
            except OSError as error:
                raise PartFailedError(self.part, f"cannot run {self._command[0]}: {error}", self.log) from error

    def wait_ready(self, ready: Callable[[], bool], *, timeout: float) -> None:
        """Return once `ready()` is true. Raises PartFailedError when the process ends, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not ready():
            if not self.alive:
                raise PartFailedError(self.part, f"ended with {self._ending()} before it was ready", self.log)
            if time.monotonic() > deadline:
                raise PartFailedError(self.part, f"not ready after {timeout:.0f} s", self.log)
            time.sleep(_POLL_SECONDS)

    def wait(self, timeout: float) -> int | None:
        """Wait for the program's end and return its exit code; after `timeout` seconds kill it and return None."""
        try:
            return self._started().wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def stop(self, *, how: signal.Signals | None = None, grace: float = 10) -> None:
        """End the whole group: ask its leader, wait up to `grace` seconds, then kill whatever is left of it."""
        if self._child is None:
            return
        if self.alive:
            self._child.send_signal(how or self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(grace)
        self.kill()

    def kill(self) -> None:
        """Kill the whole group at once and wait until it is gone."""
        if self._child is None:
            return
        survivors = group_members(self._child.pid)
        for member in survivors:
            _kill(member)
        self._child.wait()
        psutil.wait_procs(survivors, timeout=5)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise RuntimeError(f"{self.part} was not started")
        return self._child

    def _ending(self) -> str:
        code = self._child.returncode if self._child else None
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def group_members(group: int) -> list[psutil.Process]:
    """The running processes of a session or process group, descendants with a group of their own included."""
    members = [process for process in psutil.process_iter() if _belongs(process, group)]
    return [process for process in members if process.status() != psutil.STATUS_ZOMBIE]


def _belongs(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group or os.getsid(process.pid) == group or process.ppid() == group
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _group_of(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid
