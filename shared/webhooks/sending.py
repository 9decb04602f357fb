"""Attempts under way in this process: each on a thread of its own, so that none waits for another's receiver."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from uuid import UUID

import structlog

from shared import tracing
from shared.domain.errors import CommitUnknown, ConfigurationError, NotSent, RetryLater
from shared.domain.webhooks import Attempt, WebhookResponse
from shared.planning.delivery import Verdict, judge, judge_failure
from shared.ports import Clock, Store, WebhookSender
from shared.webhooks.deliveries import Outcome, settle
from shared.webhooks.request import request_for
from shared.webhooks.sealing import EndpointSecrets

_log = structlog.get_logger()
_SETTLE_TRIES = 3


class Sending:
    """Makes attempts, and settles them on the threads that call `settle_ended`. Any number of those may be at it."""

    def __init__(self, *, store: Store, sender: WebhookSender, secrets: EndpointSecrets, clock: Clock) -> None:
        self._store = store
        self._sender = sender
        self._secrets = secrets
        self._clock = clock
        self._lock = Lock()
        self._under_way: set[UUID] = set()
        self._ended: SimpleQueue[Outcome | None] = SimpleQueue()

    def under_way(self) -> frozenset[UUID]:
        """The deliveries whose attempts have not been settled."""
        with self._lock:
            return frozenset(self._under_way)

    def start(self, attempts: Sequence[Attempt]) -> None:
        """Make the attempts without waiting for them."""
        for attempt in attempts:
            thread = Thread(target=self._run, args=(attempt,), name="webhook", daemon=True)
            with self._lock:
                thread.start()
                self._under_way.add(attempt.delivery_id)

    def wake(self) -> None:
        """Make one that waits in `settle_ended` go on."""
        self._ended.put(None)

    def settle_ended(self, *, wait: float) -> None:
        """Settle what has ended; wait at most `wait` seconds for the first. RetryLater when the database does not take
        it: then the lease runs out, and the event is sent once more."""
        outcome = self._next(wait)
        while True:
            if outcome is not None:
                self._settle(outcome)
            if self._ended.empty():
                return
            outcome = self._next(0)

    def _next(self, wait: float) -> Outcome | None:
        try:
            return self._ended.get(timeout=wait)
        except Empty:
            return None

    def _run(self, attempt: Attempt) -> None:
        began = self._clock.monotonic()
        with _span(attempt):
            response, verdict = self._attempt(attempt)
            _note(response, verdict)
        duration_ms = round((self._clock.monotonic() - began) * 1000)
        self._ended.put(Outcome(attempt=attempt, verdict=verdict, response=response, duration_ms=duration_ms))

    def _attempt(self, attempt: Attempt) -> tuple[WebhookResponse | None, Verdict]:
        random = self._clock.random()
        try:
            response = self._sender.post(request_for(attempt, self._secrets))
            return response, judge(response, attempt=attempt.number, random=random, at=attempt.claimed_at)
        except (NotSent, ConfigurationError) as error:
            return None, judge_failure(str(error), attempt=attempt.number, random=random)
        except Exception:
            _log.exception("webhook_attempt_broke", delivery=str(attempt.delivery_id))
            return None, judge_failure("internal: see the notifier's log", attempt=attempt.number, random=random)

    def _settle(self, outcome: Outcome) -> None:
        with self._lock:
            self._under_way.discard(outcome.attempt.delivery_id)
        _tell(outcome)
        for left in reversed(range(_SETTLE_TRIES)):
            try:
                if not settle(self._store, outcome):
                    _log.warning("webhook_claim_lost", delivery=str(outcome.attempt.delivery_id))
                return
            except (RetryLater, CommitUnknown):
                if not left:
                    raise


def _span(attempt: Attempt) -> AbstractContextManager[None]:
    """A span around an attempt, in the trace of the event. Where it goes is left out: a URL may hold a password."""
    about: dict[str, tracing.Value] = {
        "refresh.endpoint": str(attempt.endpoint_id),
        "refresh.delivery": str(attempt.delivery_id),
        "refresh.attempt": attempt.number,
        "http.request.method": "POST",
    }
    return tracing.span("post webhook", kind="client", parent=attempt.traceparent, attributes=about)


def _note(response: WebhookResponse | None, verdict: Verdict) -> None:
    tracing.attribute("refresh.fate", verdict.fate.value)
    if response is not None:
        tracing.attribute("http.response.status_code", response.status)
    elif verdict.error is not None:
        tracing.attribute("error.type", verdict.error.partition(":")[0])


def _tell(outcome: Outcome) -> None:
    _log.info(
        "webhook_attempted",
        delivery=str(outcome.attempt.delivery_id),
        endpoint=str(outcome.attempt.endpoint_id),
        attempt=outcome.attempt.number,
        fate=outcome.verdict.fate.value,
        status=outcome.response.status if outcome.response else None,
        error=outcome.verdict.error,
        duration_ms=outcome.duration_ms,
    )
