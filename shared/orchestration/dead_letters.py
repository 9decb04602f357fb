"""Record a message that was given up, and owe it again while its work is not done, within bounds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import structlog

from shared.domain.errors import InvalidMessage
from shared.domain.messages import HANDLER_TOPICS, DailyTrigger, Delivery, TableMessage
from shared.messaging import dead_letter, receive
from shared.messaging.dead_letter import DeadLetter
from shared.planning.schedule import Schedule
from shared.ports import Session, Store
from shared.sql import statement

_log = structlog.get_logger()

ATTEMPTS_EXHAUSTED = "attempts_exhausted"
MAX_ATTEMPTS = 10


def record(store: Store, schedule: Schedule, delivery: Delivery) -> str:
    """Insert the dead letter once; what it asked for is owed again if that can still matter. Returns what was done."""
    letter = dead_letter.read(delivery)
    original = Delivery(
        message_id=letter.message_id,
        data=letter.payload.encode(),
        attributes=letter.attributes,
        published_at=_moment(letter.published_at),
    )
    message = _table_message(original)
    with store.transaction() as session:
        if not _insert(session, letter, message):
            return "recorded before"
        if message is not None:
            outcome = _owe_table(session, message)
        else:
            outcome = _owe_daily(session, schedule, letter, original)
    table = str(message.table) if message else None
    _log.error("dead_letter", reason=letter.reason, source=letter.source, table=table, outcome=outcome)
    return outcome


def _insert(session: Session, letter: DeadLetter, message: TableMessage | None) -> bool:
    return bool(
        session.run(
            statement("insert_dead_letter"),
            message_id=letter.message_id,
            topic=letter.source.rpartition("/")[2].removesuffix("-push"),
            reason=letter.reason,
            payload=letter.payload,
            attributes=json.dumps(letter.attributes),
            run_id=message.run_id if message else None,
            schema=message.table.schema if message else None,
            name=message.table.name if message else None,
        )
    )


def _owe_table(session: Session, message: TableMessage) -> str:
    task = {"run_id": message.run_id, "schema": message.table.schema, "name": message.table.name}
    rows = session.run(statement("task_of_dead_letter"), **task)
    if not rows:
        return "recorded; its task has ended, is worked on, or does not exist"
    if rows[0]["attempts"] < MAX_ATTEMPTS:
        session.run(statement("owe_task_again"), **task, topic=HANDLER_TOPICS[rows[0]["handler"]])
        return "recorded and owed again"
    error = f"{rows[0]['attempts']} attempts came to nothing; the dead letters of the task have its messages"
    session.run(statement("fail_free_task"), **task, reason=ATTEMPTS_EXHAUSTED, error=error)
    return "recorded; its task has failed"


def _owe_daily(session: Session, schedule: Schedule, letter: DeadLetter, original: Delivery) -> str:
    instant = _daily_instant(schedule, original) if letter.reason == dead_letter.EXHAUSTED else None
    if instant is None:
        return "recorded"
    text = instant.astimezone(UTC).isoformat()
    owed = session.run(statement("owe_daily_again"), scheduled_for=instant, scheduled_for_text=text)
    return "recorded and owed again" if owed else "recorded; a day old"


def _table_message(original: Delivery) -> TableMessage | None:
    try:
        return receive.table_message(original)
    except InvalidMessage:
        return None


def _daily_instant(schedule: Schedule, original: Delivery) -> datetime | None:
    """The instant that the daily trigger stood for; None for any other message."""
    try:
        message = receive.schedule_message(original)
    except InvalidMessage:
        return None
    if not isinstance(message, DailyTrigger):
        return None
    return message.scheduled_for or (schedule.floor(original.published_at) if original.published_at else None)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else None
