"""Publish what is owed. A crash between publishing and noting it publishes again; every message bears that."""

from __future__ import annotations

from shared.domain.messages import OwedMessage
from shared.ports import Bus, Store
from shared.sql import statement

BATCH = 2_000
_TIMEOUT_SECONDS = 30.0


def flush(store: Store, bus: Bus, *, limit: int = BATCH) -> int:
    """Publish at most `limit` owed messages, oldest first, and return how many went out.

    The rows stay locked meanwhile, so that two flushes at once share the work instead of doubling it. RetryLater when
    Pub/Sub took nothing.
    """
    with store.transaction(statement_timeout=_TIMEOUT_SECONDS) as session:
        rows = session.run(statement("lock_owed_messages"), limit=limit)
        if not rows:
            return 0
        taken = bus.publish([OwedMessage(**row) for row in rows])
        session.run(statement("note_published_messages"), outbox_ids=taken)
        return len(taken)
