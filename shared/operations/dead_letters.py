"""Send a message that was given up once more."""

from __future__ import annotations

import json
from datetime import datetime

from shared.domain.errors import RefreshError
from shared.domain.messages import EVENTS_TOPIC, HANDLER_TOPICS, SCHEDULE_TOPIC
from shared.ports import Store
from shared.sql import statement

TOPICS = frozenset({SCHEDULE_TOPIC, EVENTS_TOPIC, *HANDLER_TOPICS.values()})
_OF_PUBSUB = ("CloudPubSub", "googclient_")


class DeadLetterUnknown(RefreshError):
    """There is no such dead letter."""


class CannotBeSent(RefreshError):
    """What it holds is no message that any topic of ours takes; the message says why."""


def send_again(store: Store, dead_letter_id: int, *, actor: str) -> datetime:
    """Owe the message again as it first was, and return when. Raises DeadLetterUnknown, CannotBeSent."""
    with store.transaction() as session:
        rows = session.run(statement("lock_dead_letter"), dead_letter_id=dead_letter_id)
        if not rows:
            raise DeadLetterUnknown(f"there is no dead letter {dead_letter_id}")
        row = rows[0]
        if row["topic"] not in TOPICS:
            raise CannotBeSent(f"its topic is {row['topic'] or 'not known'}, which is none of this project's")
        attributes = {name: value for name, value in row["attributes"].items() if not name.startswith(_OF_PUBSUB)}
        sent = session.run(
            statement("send_dead_letter_again"),
            dead_letter_id=dead_letter_id,
            topic=row["topic"],
            payload=_json_object(row["payload"]),
            attributes=json.dumps(attributes),
            by=actor,
        )
    at: datetime = sent[0]["replayed_at"]
    return at


def _json_object(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise CannotBeSent("its payload is no JSON object, so nothing that could be handled")
    return json.dumps(value)
