"""A worker in a process of its own that stands still at a named step, as SIGSTOP leaves it, until it is woken.

`python -m tests.support.stopped_worker` reads the order of `worker_process`, with `stop_at` in place of `kill_at`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from types import TracebackType
from typing import Any
from uuid import UUID

from shared.domain.ids import RunId, TableName
from shared.domain.messages import TableMessage
from shared.refresh.run import TableRefresh
from tests.support.engine import Engine, emulated_source

_PATIENCE_SECONDS = 60


class StopAt:
    """Steps that stop the process, all its threads, at the first passing of one of them."""

    def __init__(self, step: str) -> None:
        self._step: str | None = step

    def reached(self, step: str) -> None:
        if step == self._step:
            self._step = None
            os.kill(os.getpid(), signal.SIGSTOP)


class StoppedWorker:
    """Starts the process; `with` waits until it stands still, and leaves nothing of it behind."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        with self._process.stdin as order_to:
            json.dump(order, order_to)

    def __enter__(self) -> StoppedWorker:
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"the worker ended ({status}) without coming to the step"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def wake(self) -> int:
        """Let the process go on; its exit status."""
        self._process.send_signal(signal.SIGCONT)
        return self._process.wait(_PATIENCE_SECONDS)


def main() -> None:
    order = json.load(sys.stdin)
    source = emulated_source(order["project"], order["rest_url"], order["grpc_address"])
    engine = Engine(order["database_url"], source, order["dataset"], None)
    engine.steps = StopAt(order["stop_at"])  # type: ignore[assignment]
    message = TableMessage(run_id=RunId(UUID(order["run_id"])), table=TableName.parse(order["table"]))
    TableRefresh(engine.runtime, message, {}).run()


if __name__ == "__main__":
    main()
