"""/dead-letters : messages that nobody could handle; sent again once the cause is mended."""

from __future__ import annotations

from flask import Blueprint, Response, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from functions.api.pages.calls import CallRefused, api, read, send
from functions.api.pages.going import see_other
from functions.api.pages.paging import with_query
from functions.api.pages.render import page

routes = Blueprint("dead_letters", __name__)
_LETTERS = 25


@routes.get("/dead-letters")
def show() -> Response:
    """The letters, newest first."""
    found = read(api("dead-letters"), cursor=request.args.get("cursor"), limit=_LETTERS)
    further = found["next_cursor"]
    return page(
        "dead_letters.html",
        letters=found["items"],
        further=with_query(cursor=further, sent=None) if further else None,
        sent=request.args.get("sent"),
    )


@routes.post("/dead-letters/<int:dead_letter_id>/send")
def send_again(dead_letter_id: int) -> AnyResponse:
    """Send one again."""
    reply = send("POST", api("dead-letters", dead_letter_id, "send"))
    if not reply.ok:
        raise CallRefused(reply)
    return see_other(url_for("pages.dead_letters.show", sent=dead_letter_id))
