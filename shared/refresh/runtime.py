"""What a worker works with, and the limits it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shared.domain.errors import OutOfTime
from shared.ports import Clock, Shutdown, Source, Steps, Store


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times in seconds."""

    lease: float = 90.0
    renew_every: float = 30.0
    budget: float = 480.0
    publish_reserve: float = 120.0
    """A publish starts only with this much of the budget left; it is also its statement timeout."""
    lock_timeout: float = 3.0
    """Longest wait for the locks of a publish; above Postgres's deadlock_timeout, which makes autovacuum yield."""
    lock_attempts: int = 8
    chunk_rows: int = 50_000
    """Rows that are staged, and checkpointed, in one transaction."""
    chunk_bytes: int = 32 * 1024 * 1024
    max_attempts: int = 10
    """Claims without progress, after which a task fails."""
    max_bytes_billed_per_day: int | None = None
    """Bytes that all BigQuery jobs of a day (UTC) may bill; None: no cap."""
    usd_per_tib: float = 6.25
    """Price of a TiB that is billed."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The ports of one process."""

    source: Source
    store: Store
    clock: Clock
    steps: Steps
    shutdown: Shutdown
    limits: Limits = Limits()

    def marker(self) -> UUID:
        """A fresh mark for a fenced transaction."""
        return UUID(int=int(self.clock.random() * 2**53) << 64 | int(self.clock.random() * 2**53), version=4)


class Budget:
    """The time one message may take, and whether the process is about to end."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._end = runtime.clock.monotonic() + runtime.limits.budget

    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self._end - self._runtime.clock.monotonic())

    def check(self, *, reserve: float = 0.0) -> None:
        """OutOfTime when fewer than `reserve` seconds are left, or the process was told to end."""
        if self._runtime.shutdown.requested():
            raise OutOfTime("the process is shutting down")
        if self.remaining() <= reserve:
            raise OutOfTime(f"{self.remaining():.0f} s of the time budget are left, {reserve:.0f} s are needed")
