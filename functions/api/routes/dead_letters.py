"""GET …/dead-letters, POST …/dead-letters/{dead_letter_id}/send"""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint
from pydantic import TypeAdapter

from functions.api.access import caller
from functions.api.contract import call
from functions.api.problems import Refused, not_found
from functions.api.routes.runs import publish_owed
from functions.api.schemas.audit import DeadLetter, DeadLetters, DeadLettersQuery, SentAgain
from shared import wiring
from shared.operations import documents
from shared.operations.dead_letters import CannotBeSent, DeadLetterUnknown, send_again

routes = Blueprint("dead_letters", __name__)
_ITEMS = TypeAdapter(list[DeadLetter])
_MAX_ID = 2**62


@routes.get("/api/refresh/dead-letters")
@call(DeadLetters, tag="dead letters")
def list_dead_letters(query: DeadLettersQuery) -> DeadLetters:
    """Messages that nobody could handle, each with its reason, newest first."""
    text = documents.read(wiring.store(), "read_dead_letters", before_id=query.cursor, limit=query.limit)
    items = _ITEMS.validate_json(text or "[]")
    return DeadLetters(items=items, next_cursor=items[-1].dead_letter_id if len(items) == query.limit else None)


@routes.post("/api/refresh/dead-letters/<int:dead_letter_id>/send")
@call(
    SentAgain,
    tag="dead letters",
    status=HTTPStatus.ACCEPTED,
    errors=(404, 409),
    paths={"dead_letter_id": "The dead letter's id."},
)
def send_dead_letter(dead_letter_id: int) -> tuple[SentAgain, HTTPStatus]:
    """Send the message again, as it first was. What its task no longer needs does nothing.

    409: it is no message that any topic takes.
    """
    if dead_letter_id > _MAX_ID:
        raise not_found("There is no such dead letter.")
    try:
        at = send_again(wiring.store(), dead_letter_id, actor=caller().subject)
    except DeadLetterUnknown as error:
        raise not_found(f"{error}.") from error
    except CannotBeSent as error:
        raise Refused(HTTPStatus.CONFLICT, "cannot_be_sent", f"It cannot be sent again: {error}.") from error
    publish_owed()
    return SentAgain(dead_letter_id=dead_letter_id, sent_at=at), HTTPStatus.ACCEPTED
