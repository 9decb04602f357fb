"""Pub/Sub in memory: what is published waits until a test delivers it to the function behind its topic."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from threading import Lock
from typing import Any

from shared.domain.messages import DEAD_LETTER_TOPIC, SCHEDULE_TOPIC, Delivery, OwedMessage
from shared.messaging.endpoint import answer
from shared.orchestration.orchestrator import Orchestrator
from shared.ports import Store
from shared.refresh.worker import handle_table
from tests.support.control_plane import SCHEDULE
from tests.support.engine import Engine

GENERIC_TOPIC = "refresh-generic"


class KilledError(BaseException):
    """The process is dead: nothing after this is done by it, and no handler of errors sees it."""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A published message; it keeps its id however often it is delivered."""

    id: str
    topic: str
    data: bytes
    attributes: Mapping[str, str]


class PostOffice:
    """A `Bus`, and the functions that its messages are for. Safe for threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._ids = count(1)
        self._lock = Lock()
        self.waiting: list[Letter] = []
        self.all: list[Letter] = []

    def publish(self, messages: Sequence[OwedMessage]) -> list[int]:
        for one in messages:
            self.post(one.topic, json.dumps(one.payload).encode(), one.attributes)
        return [one.outbox_id for one in messages]

    def post(self, topic: str, data: bytes, attributes: Mapping[str, str] | None = None) -> None:
        """Publish; events are for nobody here."""
        with self._lock:
            letter = Letter(id=str(next(self._ids)), topic=topic, data=data, attributes=dict(attributes or {}))
            self.all.append(letter)
            if topic != "refresh-events":
                self.waiting.append(letter)

    def deliver(self, letter: Letter, *, store: Store | None = None) -> int:
        """Push the letter to its function; the answer's status. `store`: the function's database, which may fail."""
        body = {
            "message": {
                "data": base64.b64encode(letter.data).decode(),
                "attributes": dict(letter.attributes),
                "messageId": letter.id,
                "publishTime": datetime(2025, 6, 2, 4, 0, 2, tzinfo=UTC).isoformat(),
            },
            "subscription": f"projects/p/subscriptions/{letter.topic}-push",
        }
        _, status = answer(
            json.dumps(body).encode(), {}, bus=self, handle=lambda delivery: self._handle(letter.topic, delivery, store)
        )
        return status

    def settle(self, letter: Letter) -> None:
        """It was acknowledged."""
        with self._lock:
            if letter in self.waiting:
                self.waiting.remove(letter)

    def sweep(self) -> None:
        """What the scheduler asks for every minute, answered."""
        self._orchestrator(None).handle(_sweep())

    def _handle(self, topic: str, delivery: Delivery, store: Store | None) -> str:
        if topic in (SCHEDULE_TOPIC, DEAD_LETTER_TOPIC):
            return self._orchestrator(store).handle(delivery)
        runtime = replace(self.engine.runtime, store=store or self.engine.store)
        return handle_table(runtime, self, delivery, function="generic", datasets={})

    def _orchestrator(self, store: Store | None) -> Orchestrator:
        return Orchestrator(store=store or self.engine.store, bus=self, source=self.engine.source, schedule=SCHEDULE)


def _sweep() -> Delivery:
    values: dict[str, Any] = {"attributes": {}, "published_at": None}
    return Delivery(message_id="sweep", data=b'{"version":1,"kind":"sweep"}', subscription="refresh-schedule", **values)
