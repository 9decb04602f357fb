"""One subscription: its settings, what is owed to it, and what it may ask for again."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime

from google.pubsub_v1.types import Subscription as Settings

from infra.local.broker.message import Delivery, Message

_KEPT_FOR_SEEK = 10_000
_DEFAULT_BACKOFF = (10.0, 600.0)


class Subscription:
    """Not safe for threads by itself: the book's lock guards it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.deliveries: list[Delivery] = []
        self._acked: deque[Message] = deque(maxlen=_KEPT_FOR_SEEK)

    @property
    def pushes(self) -> bool:
        return bool(self.settings.push_config.push_endpoint)

    @property
    def max_attempts(self) -> int | None:
        """Deliveries after which a message goes to the dead-letter topic; None: never."""
        policy = self.settings.dead_letter_policy
        return (policy.max_delivery_attempts or 5) if policy.dead_letter_topic else None

    @property
    def leased(self) -> int:
        return sum(delivery.lease_until is not None for delivery in self.deliveries)

    def expire(self, now: float) -> None:
        """Take back every delivery whose acknowledgement deadline has passed."""
        for delivery in self.deliveries:
            if delivery.lease_until is not None and delivery.lease_until <= now:
                self.give_back(delivery, delivery.lease_until)

    def give_back(self, delivery: Delivery, now: float) -> None:
        """Make it deliverable again, after the back-off of the retry policy."""
        delivery.lease_until = None
        delivery.ready_at = now + self._backoff(delivery.attempt)

    def ready(self, now: float) -> list[Delivery]:
        return [entry for entry in self.deliveries if entry.lease_until is None and entry.ready_at <= now]

    def find(self, ack_ids: Iterable[str]) -> list[Delivery]:
        """The deliveries that are still leased under these ids; an id of an earlier attempt finds nothing."""
        wanted = set(ack_ids)
        return [entry for entry in self.deliveries if entry.lease_until is not None and entry.ack_id in wanted]

    def settle(self, delivery: Delivery) -> None:
        """Done: it is not delivered again, unless a seek asks for it."""
        self.deliveries.remove(delivery)
        if self.settings.retain_acked_messages:
            self._acked.append(delivery.message)

    def seek(self, instant: datetime, now: float) -> None:
        """Owe again what was published at or after the instant, and nothing published before it."""
        again = [message for message in self._acked if message.published_at >= instant]
        before = [message for message in self._acked if message.published_at < instant]
        kept = [entry for entry in self.deliveries if entry.message.published_at >= instant]
        before += [entry.message for entry in self.deliveries if entry.message.published_at < instant]
        self.deliveries = [*(Delivery(message=message, ready_at=now) for message in again), *kept]
        self._acked = deque(before if self.settings.retain_acked_messages else (), maxlen=_KEPT_FOR_SEEK)

    def next_change(self) -> float | None:
        """When the next delivery becomes ready or its lease ends, on the steady clock; None: nothing is owed."""
        times = [entry.ready_at if entry.lease_until is None else entry.lease_until for entry in self.deliveries]
        return min(times, default=None)

    def _backoff(self, attempt: int) -> float:
        if "retry_policy" not in self.settings:
            return 0.0
        policy = self.settings.retry_policy
        shortest = policy.minimum_backoff.total_seconds() if "minimum_backoff" in policy else _DEFAULT_BACKOFF[0]
        longest = policy.maximum_backoff.total_seconds() if "maximum_backoff" in policy else _DEFAULT_BACKOFF[1]
        return float(min(longest, shortest * 2 ** min(20, max(0, attempt - 1))))
