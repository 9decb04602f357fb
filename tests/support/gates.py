"""Workers in threads that a test lets go from one named step to the next."""

from __future__ import annotations

from collections.abc import Collection
from threading import Event, Semaphore, Thread

from shared.domain.messages import TableMessage
from tests.support.engine import Engine
from tests.support.waiting import wait_for

_PATIENCE_SECONDS = 60.0
"""A test that waits longer is stuck; nothing else depends on it."""


class Gate:
    """A place where one thread waits until another lets it go on."""

    def __init__(self) -> None:
        self._arrived = Event()
        self._open = Event()

    def pass_through(self) -> None:
        """Tell that this thread is here, and wait to be let through."""
        self._arrived.set()
        assert self._open.wait(_PATIENCE_SECONDS), "nobody opened the gate"

    def open(self) -> None:
        """Let the waiting thread, or the one that is still to come, go on."""
        self._open.set()

    def reached_by(self, worker: Worker) -> bool:
        """Wait until the worker stands here, or has finished without coming by."""
        while not self._arrived.wait(0.002):
            if not worker.is_alive():
                return self._arrived.is_set()
        return True


class GatedSteps:
    """`Steps` that wait at gates, each once, and remember what was reached."""

    def __init__(self, gates: dict[str, Gate] | None = None) -> None:
        self.seen: list[str] = []
        self._gates = gates or {}

    def reached(self, step: str) -> None:
        self.seen.append(step)
        gate = self._gates.pop(step, None)
        if gate is not None:
            gate.pass_through()


class Worker(Thread):
    """A worker with one message; `error` is what escaped from it, which nothing ever should."""

    def __init__(self, engine: Engine, message: TableMessage, stop_at: str | None = None) -> None:
        super().__init__(daemon=True)
        self.gate = Gate()
        self.steps = GatedSteps({stop_at: self.gate} if stop_at else {})
        self.error: BaseException | None = None
        self._engine = engine
        self._message = message

    def run(self) -> None:
        self._engine.steps = self.steps  # type: ignore[assignment]
        try:
            self._engine.deliver(self._message)
        except BaseException as error:
            self.error = error

    def started(self) -> Worker:
        """The same worker, at work."""
        self.start()
        return self

    def stands(self) -> bool:
        """Wait until it stands at its gate, or has finished without coming by."""
        return self.gate.reached_by(self)

    def finish(self) -> None:
        """Let it go on, and wait for its end."""
        self.gate.open()
        self.join(_PATIENCE_SECONDS)
        assert not self.is_alive(), f"a worker hangs after {self.steps.seen[-1:]}"

    @property
    def published(self) -> bool:
        return "publish_committed" in self.steps.seen

    @property
    def claimed(self) -> bool:
        return "publishing_claimed" in self.steps.seen


def let_leases_end(engine: Engine) -> None:
    """What the passing of time does to the leases of a worker that is not heard of."""
    for table in ("refresh_task", "refresh_checkpoint"):
        engine.sql(f"UPDATE refresh.{table} SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL")


def cut_off_open_transactions(engine: Engine) -> None:
    """What idle_in_transaction_session_timeout does to a worker that is stopped inside of a transaction."""
    idle = (
        "FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
        " AND pid <> pg_backend_pid()"
    )
    engine.sql(f"SELECT pg_terminate_backend(pid) {idle}")
    wait_for(lambda: not engine.sql(f"SELECT pid {idle}"), "the end of the connections that were cut off")


class Stepper(Thread):
    """A worker that goes on only when it is told to, from one of the named steps to the next."""

    def __init__(self, engine: Engine, message: TableMessage, stops: Collection[str]) -> None:
        super().__init__(daemon=True)
        self.at: str | None = "start"
        """The step that it stands at; None: it has finished."""
        self.error: BaseException | None = None
        self._engine = engine
        self._message = message
        self._stops = stops
        self._go = Semaphore(0)
        self._stands = Semaphore(0)
        self.start()

    def reached(self, step: str) -> None:
        if step in self._stops:
            self._stop_at(step)

    def run(self) -> None:
        self._go.acquire()
        self._engine.steps = self  # type: ignore[assignment]
        try:
            self._engine.deliver(self._message)
        except BaseException as error:
            self.error = error
        self.at = None
        self._stands.release()

    def advance(self) -> None:
        """Let it go on, and wait until it stands at the next step, or has finished."""
        self.begin_to_advance()
        self.wait_until_it_stands()

    def begin_to_advance(self) -> None:
        """Let it go on."""
        assert self.at is not None, "the worker has finished"
        self._go.release()

    def wait_until_it_stands(self) -> None:
        """Wait for the end of what `begin_to_advance` began. Raises what escaped from the worker."""
        assert self._stands.acquire(timeout=_PATIENCE_SECONDS), f"a worker hangs after {self.at}"
        if self.error is not None:
            raise self.error

    def _stop_at(self, step: str) -> None:
        self.at = step
        self._stands.release()
        assert self._go.acquire(timeout=_PATIENCE_SECONDS), f"nobody lets a worker go on from {step}"
