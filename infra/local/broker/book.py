"""What the broker knows: topics, subscriptions, and who owes whom which message."""

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from google.pubsub_v1.types import Subscription as Settings
from google.pubsub_v1.types import Topic

from infra.local.broker.faults import Faults
from infra.local.broker.message import Delivery, Message
from infra.local.broker.subscription import Subscription

_DEFAULT_DEADLINE = 10
_DEADLINES = range(10, 601)
_ATTEMPTS = range(5, 101)
_GONE_TOPIC = "_deleted-topic_"


class NotFoundError(Exception):
    """A topic or subscription of this name does not exist."""


class AlreadyExistsError(Exception):
    """A topic or subscription of this name exists."""


class RefusedError(Exception):
    """The request is wrong, or asks for what this broker does not have. The message says which field."""


class Book:
    """All state, under one lock. `changed` is notified whenever something may have become deliverable."""

    def __init__(self, faults: Faults | None = None, steady: Callable[[], float] = time.monotonic) -> None:
        self.changed = threading.Condition()
        self._faults = faults or Faults()
        self._steady = steady
        self._topics: dict[str, Topic] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._ids = itertools.count(1)

    def create_topic(self, topic: Topic) -> Topic:
        with self.changed:
            if topic.name in self._topics:
                raise AlreadyExistsError(f"topic {topic.name} exists")
            self._topics[topic.name] = topic
            return topic

    def topic(self, name: str) -> Topic:
        with self.changed:
            if name not in self._topics:
                raise NotFoundError(f"topic {name} does not exist")
            return self._topics[name]

    def topics(self, project: str) -> list[Topic]:
        with self.changed:
            return [topic for name, topic in self._topics.items() if name.startswith(f"{project}/topics/")]

    def delete_topic(self, name: str) -> None:
        with self.changed:
            del self._topics[self.topic(name).name]
            for subscription in self._subscriptions.values():
                if subscription.settings.topic == name:
                    subscription.settings.topic = _GONE_TOPIC

    def create_subscription(self, settings: Settings) -> Settings:
        with self.changed:
            if settings.name in self._subscriptions:
                raise AlreadyExistsError(f"subscription {settings.name} exists")
            self.topic(settings.topic)
            settings.ack_deadline_seconds = settings.ack_deadline_seconds or _DEFAULT_DEADLINE
            _check(settings)
            self._subscriptions[settings.name] = Subscription(settings)
            return settings

    def subscription(self, name: str) -> Subscription:
        with self.changed:
            if name not in self._subscriptions:
                raise NotFoundError(f"subscription {name} does not exist")
            return self._subscriptions[name]

    def subscriptions(self, project: str) -> list[Settings]:
        with self.changed:
            prefix = f"{project}/subscriptions/"
            return [entry.settings for name, entry in self._subscriptions.items() if name.startswith(prefix)]

    def delete_subscription(self, name: str) -> None:
        with self.changed:
            self.subscription(name)
            del self._subscriptions[name]

    def set_push_endpoint(self, name: str, endpoint: str) -> None:
        with self.changed:
            self.subscription(name).settings.push_config.push_endpoint = endpoint
            self.changed.notify_all()

    def publish(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> list[str]:
        """Owe each message to every subscription of the topic, and return the messages' ids."""
        with self.changed:
            self.topic(topic)
            made = [self._message(data, attributes) for data, attributes in messages]
            for subscription in self._subscriptions.values():
                if subscription.settings.topic == topic:
                    for message in made:
                        self._owe(subscription, message)
            self.changed.notify_all()
            return [message.id for message in made]

    def take(self, name: str, limit: int) -> list[Delivery]:
        """Lease up to `limit` deliverable messages for the acknowledgement deadline; dead-letter the exhausted ones."""
        with self.changed:
            subscription = self.subscription(name)
            now = self._steady()
            subscription.expire(now)
            self._dead_letter(subscription, subscription.ready(now))
            ready = subscription.ready(now)
            order = self._faults.order(name, [delivery.message for delivery in ready])
            taken = [ready[position] for position in order][:limit]
            for delivery in taken:
                delivery.attempt += 1
                delivery.ack_id = f"{delivery.message.id}.{next(self._ids)}"
                delivery.lease_until = now + subscription.settings.ack_deadline_seconds
            return taken

    def take_for_push(self, outstanding: int) -> list[tuple[Settings, Delivery]]:
        """Lease what push subscriptions are owed, at most `outstanding` at once for each."""
        with self.changed:
            return [
                (subscription.settings, delivery)
                for name, subscription in list(self._subscriptions.items())
                if subscription.pushes
                for delivery in self.take(name, max(0, outstanding - subscription.leased))
            ]

    def acknowledge(self, name: str, ack_ids: Sequence[str]) -> None:
        with self.changed:
            subscription = self.subscription(name)
            for delivery in subscription.find(ack_ids):
                if self._faults.loses_ack(name, delivery.message, delivery.attempt):
                    subscription.give_back(delivery, self._steady())
                else:
                    subscription.settle(delivery)
            self.changed.notify_all()

    def set_deadline(self, name: str, ack_ids: Sequence[str], seconds: int) -> None:
        """Lease for `seconds` from now; 0 gives the messages back (a negative acknowledgement)."""
        with self.changed:
            subscription = self.subscription(name)
            now = self._steady()
            for delivery in subscription.find(ack_ids):
                if seconds > 0:
                    delivery.lease_until = now + seconds
                else:
                    subscription.give_back(delivery, now)
            self.changed.notify_all()

    def seek(self, name: str, instant: datetime) -> None:
        with self.changed:
            self.subscription(name).seek(instant, self._steady())
            self.changed.notify_all()

    def idle_seconds(self) -> float | None:
        """How long nothing changes by time alone; None: until something is published."""
        with self.changed:
            times = [subscription.next_change() for subscription in self._subscriptions.values()]
            known = [instant for instant in times if instant is not None]
            return max(0.0, min(known) - self._steady()) if known else None

    def _message(self, data: bytes, attributes: Mapping[str, str]) -> Message:
        return Message(id=str(next(self._ids)), data=data, attributes=dict(attributes), published_at=datetime.now(UTC))

    def _owe(self, subscription: Subscription, message: Message) -> None:
        now = self._steady()
        for delay in self._faults.copies(subscription.settings.name, message):
            subscription.deliveries.append(Delivery(message=message, ready_at=now + delay))

    def _dead_letter(self, subscription: Subscription, ready: Sequence[Delivery]) -> None:
        limit = subscription.max_attempts
        if limit is None:
            return
        settings = subscription.settings
        for delivery in ready:
            if delivery.attempt >= limit:
                subscription.deliveries.remove(delivery)
                topic = settings.dead_letter_policy.dead_letter_topic
                self.publish(topic, [(delivery.message.data, _dead_letter_attributes(settings, delivery))])


def _dead_letter_attributes(settings: Settings, delivery: Delivery) -> dict[str, str]:
    _, project, _, subscription = settings.name.split("/")
    return {
        **delivery.message.attributes,
        "CloudPubSubDeadLetterSourceDeliveryCount": str(delivery.attempt),
        "CloudPubSubDeadLetterSourceSubscription": subscription,
        "CloudPubSubDeadLetterSourceSubscriptionProject": project,
        "CloudPubSubDeadLetterSourceTopicPublishTime": delivery.message.published_at.isoformat(),
    }


def _check(settings: Settings) -> None:
    if len(settings.name.split("/")) != 4:
        raise RefusedError(f"name is {settings.name!r}, but must be projects/PROJECT/subscriptions/NAME")
    if settings.ack_deadline_seconds not in _DEADLINES:
        raise RefusedError(f"ack_deadline_seconds is {settings.ack_deadline_seconds}, but must be 10 to 600")
    attempts = settings.dead_letter_policy.max_delivery_attempts
    if attempts and attempts not in _ATTEMPTS:
        raise RefusedError(f"max_delivery_attempts is {attempts}, but must be 5 to 100")
    absent = {
        "filter": settings.filter,
        "enable_message_ordering": settings.enable_message_ordering,
        "enable_exactly_once_delivery": settings.enable_exactly_once_delivery,
        "push_config.no_wrapper": "no_wrapper" in settings.push_config,
    }
    for field, asked in absent.items():
        if asked:
            raise RefusedError(f"{field} is not available in the embedded broker")
