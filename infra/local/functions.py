"""Every function in a process of its own, as in the cloud: the bare functions-framework, started again when it dies."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from infra.local.addresses import LOOPBACK, answers, free_port
from infra.local.process import Process

NAMES = ("orchestrator", "asin", "search_queries", "summaries", "generic", "notifier", "api")

_START_SECONDS = 120
_LOOK_SECONDS = 0.1
_LONGEST_BACKOFF = 10.0
_SERVER = {"THREADS": "4", "WORKERS": "1", "CLOUD_RUN_TIMEOUT_SECONDS": "0", "PYTHONUNBUFFERED": "1"}


class Function:
    """One function on one port, for as long as the stack runs. The serving process is gunicorn's worker.

    `root`: the folder that holds `functions/`. `run_dir`: for sockets, so its path has to be short.
    """

    def __init__(self, name: str, *, root: Path, env: Mapping[str, str], log: Path, run_dir: Path) -> None:
        self.name = name
        self.port = free_port()
        self.serving_pid = 0
        source = root / "functions" / name / "main.py"
        script = Path(sys.executable).with_name("functions-framework")
        what = ["--target", name, "--source", str(source), "--signature-type", "http"]
        self._process = Process(
            f"function {name}",
            [script, *what, "--host", LOOPBACK, "--port", str(self.port)],
            log=log,
            cwd=root,
            env={**env, **_SERVER, **_own_places(run_dir / name), "PYTHONPATH": str(root), "FUNCTION_TARGET": name},
        )
        self._failures = 0
        self._restart_at = 0.0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def launch(self) -> None:
        self._process.start()

    def wait_ready(self) -> None:
        """Return when it serves. Raises PartFailedError with the end of the log."""
        self._process.wait_ready(self._serves, timeout=_START_SECONDS)

    def stop(self) -> None:
        self._process.stop()

    def look_after(self) -> bool:
        """Start it again if it ended, and tell whether another process serves than at the last look."""
        before = self.serving_pid
        if not self._process.alive:
            self._start_again()
        elif not _runs(before):
            self.serving_pid = self._worker() or before
        if self.serving_pid != before:
            self._failures = 0
        return self.serving_pid != before

    def _start_again(self) -> None:
        now = time.monotonic()
        if self._restart_at == 0.0:
            self._process.kill()
            self._restart_at = now + min(_LONGEST_BACKOFF, 0.5 * (2 ** min(self._failures, 10) - 1))
        if now >= self._restart_at:
            self._failures += 1
            self._restart_at = 0.0
            self._process.start()

    def _serves(self) -> bool:
        self.serving_pid = self._worker() or 0
        return self.serving_pid != 0 and answers(self.port)

    def _worker(self) -> int | None:
        try:
            children = psutil.Process(self._process.pid).children()
        except psutil.NoSuchProcess:
            return None
        return next((child.pid for child in children if _runs(child.pid)), None)


class Functions:
    """All functions, and the thread that looks after them. `on_change`: called after a serving process was replaced."""

    def __init__(self, functions: Sequence[Function]) -> None:
        self._functions = functions
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions)

    def launch(self) -> None:
        for function in self._functions:
            function.launch()

    def wait_ready(self) -> None:
        for function in self._functions:
            function.wait_ready()

    def look_after(self, on_change: Callable[[], None]) -> None:
        """From now on start again whatever ends, and call `on_change` when a serving process was replaced."""
        self._thread = threading.Thread(target=self._run, args=(on_change,), name="functions")
        self._thread.start()

    def stop(self) -> None:
        """Stop looking after them, and end them all at once."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        stoppers = [threading.Thread(target=function.stop) for function in self._functions]
        for thread in stoppers:
            thread.start()
        for thread in stoppers:
            thread.join()

    def _run(self, on_change: Callable[[], None]) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            changes = [function.look_after() for function in self._functions]
            if any(changes):
                on_change()


def present(root: Path) -> tuple[str, ...]:
    """The functions whose source is in the project."""
    return tuple(name for name in NAMES if (root / "functions" / name / "main.py").exists())


def _own_places(run_dir: Path) -> dict[str, str]:
    """Every gunicorn makes a control socket in the same place of its user, unless told otherwise."""
    run_dir.mkdir(mode=0o700, exist_ok=True)
    return {"XDG_RUNTIME_DIR": str(run_dir)}


def _runs(pid: int) -> bool:
    try:
        return pid != 0 and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
