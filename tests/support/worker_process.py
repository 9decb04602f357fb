"""A worker in a process of its own, which a test kills at a named step.

`python -m tests.support.worker_process` reads one JSON object from standard input: database_url, project, rest_url,
grpc_address, dataset, run_id, table, and optionally kill_at (a step, and how often it is passed before).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any
from uuid import UUID

from shared.domain.ids import RunId, TableName
from shared.domain.messages import TableMessage
from shared.refresh.run import TableRefresh
from tests.support.engine import Engine, emulated_source


class KillAt:
    """Steps that end the process, unclean, at the n-th passing of one of them."""

    def __init__(self, step: str, passes: int) -> None:
        self._step = step
        self._left = passes

    def reached(self, step: str) -> None:
        if step != self._step:
            return
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


def run_worker(order: dict[str, Any]) -> int:
    """Start the process and wait for it; its exit status (negative: the signal that ended it)."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.worker_process"], input=json.dumps(order), text=True, check=False
    )
    return done.returncode


def main() -> None:
    order = json.load(sys.stdin)
    source = emulated_source(order["project"], order["rest_url"], order["grpc_address"])
    engine = Engine(order["database_url"], source, order["dataset"], None)
    if "kill_at" in order:
        engine.steps = KillAt(order["kill_at"], order.get("passes", 0))  # type: ignore[assignment]
    message = TableMessage(run_id=RunId(UUID(order["run_id"])), table=TableName.parse(order["table"]))
    TableRefresh(engine.runtime, message, {}).run()


if __name__ == "__main__":
    main()
