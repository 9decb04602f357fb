"""Send what is due. In each process one request at a time drives the sending, however many messages arrive: the others
hand over to it and are answered at once. So receivers that are slow hold up neither Pub/Sub nor each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

from shared.ports import Clock, Shutdown, Store
from shared.webhooks.deliveries import PER_ENDPOINT, claim, seconds_to_next
from shared.webhooks.rules import MAX_ENDPOINTS
from shared.webhooks.sending import Sending

_LOOK_SECONDS = 1.0
_SHORTEST_WAIT_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class DispatchLimits:
    """What one request may take. Times in seconds."""

    under_way: int = MAX_ENDPOINTS * PER_ENDPOINT
    """Attempts at once in this process: room for all endpoints, so that however many are slow, none waits for them."""
    budget: float = 60.0
    """After this another request drives; this one only waits for what it has begun."""
    patience: float = 8.0
    """How long a retry is waited for, so that the first comes after 5 s as it should; later ones are the sweep's."""
    grace: float = 5.0
    """How long what is under way is waited for when the process is told to end; leases bring back the rest."""


class Dispatcher:
    """One for each process. Claims are taken in the database, so those of other processes do not interfere."""

    def __init__(
        self, *, store: Store, sending: Sending, clock: Clock, shutdown: Shutdown, limits: DispatchLimits
    ) -> None:
        self._store = store
        self._sending = sending
        self._clock = clock
        self._shutdown = shutdown
        self._limits = limits
        self._lock = Lock()
        self._driven = False
        self._woken = False

    def dispatch(self, call_again: Callable[[], None]) -> None:
        """Send what is due, or have the request that does so already look again.

        `call_again` is called when the time is used up and more is due: it has to cause another call.
        """
        with self._lock:
            self._woken = True
            if self._driven:
                self._sending.wake()
                return
            self._driven = True
        end = self._clock.monotonic() + self._limits.budget
        begun: set[UUID] = set()
        try:
            while self._is_woken():
                self._drive(end, begun)
        except BaseException:
            with self._lock:
                self._driven = False
            raise
        self._leave(begun, call_again)

    def _is_woken(self) -> bool:
        """Whether somebody called since the last look. If not, the driver's place is free from this moment on."""
        with self._lock:
            self._driven, self._woken = self._woken, False
            return self._driven

    def _drive(self, end: float, begun: set[UUID]) -> None:
        """Claim, send and settle until nothing is due soon, or it is time to leave; `begun` gets what was started."""
        while True:
            left = end - self._clock.monotonic()
            if left <= 0 or self._shutdown.requested():
                return
            under_way = self._sending.under_way()
            if len(under_way) < self._limits.under_way:
                started = claim(self._store, limit=self._limits.under_way - len(under_way))
                self._sending.start(started)
                begun |= {attempt.delivery_id for attempt in started}
            own = begun & self._sending.under_way()
            wait = min(_LOOK_SECONDS, left) if own else seconds_to_next(self._store)
            if wait is None or (not own and wait > min(self._limits.patience, left)):
                return
            self._sending.settle_ended(wait=max(wait, _SHORTEST_WAIT_SECONDS))

    def _leave(self, begun: set[UUID], call_again: Callable[[], None]) -> None:
        """Wait for what this request has begun, while others drive."""
        if begun & self._sending.under_way():
            try:
                call_again()
            finally:
                self._wait_for(begun)
        if self._shutdown.requested() or seconds_to_next(self._store) == 0.0:
            call_again()

    def _wait_for(self, begun: set[UUID]) -> None:
        stop_at: float | None = None
        while begun & self._sending.under_way():
            if self._shutdown.requested():
                now = self._clock.monotonic()
                stop_at = now + self._limits.grace if stop_at is None else stop_at
                if now >= stop_at:
                    return
            self._sending.settle_ended(wait=_LOOK_SECONDS)
