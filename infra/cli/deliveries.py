"""`webhooks deliveries` and the like: what was sent to an endpoint, and sending it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import typer

from infra.cli.documents import segment
from infra.cli.output import moment, state
from infra.cli.session import Json, opened
from infra.cli.webhooks import Endpoint, path, say

Delivery = Annotated[str, typer.Argument(metavar="DELIVERY", help="A delivery's id.")]


def deliveries(
    context: typer.Context,
    endpoint: Endpoint,
    status: Annotated[
        Literal["pending", "delivered", "failed"] | None, typer.Option("--state", help="Only these.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Entries of a page.")] = 20,
    after: Annotated[
        str | None, typer.Option(metavar="DELIVERY", help="The delivery that the page before ended with.")
    ] = None,
    json: Json = False,
) -> None:
    """What was sent, newest first, and what became of it."""
    session = opened(context, json)
    document = session.api.read(f"{path(endpoint)}/deliveries", state=status, limit=limit, after=after)
    if session.out.as_json:
        session.out.json(document)
        return
    if not document["items"]:
        session.out.line("There is nothing to show.")
    for one in document["items"]:
        tried = f"attempt {one['attempt']}, {one['response_status'] or one['error'] or 'not tried yet'}"
        session.out.line(state(one["state"]), f"{moment(one['created_at'])} {one['event_type']}: {tried}")
        session.out.line(f"  {one['delivery_id']}")
    if document["next"]:
        session.out.line(f"There are more: --after {document['next']}")


def delivery(context: typer.Context, endpoint: Endpoint, delivery: Delivery, json: Json = False) -> None:
    """One delivery, with what the receiver answered."""
    session = opened(context, json)
    one = session.api.read(f"{path(endpoint)}/deliveries/{segment(delivery)}")
    if session.out.as_json:
        session.out.json(one)
        return
    session.out.lines(
        (
            ("delivery", one["delivery_id"]),
            ("event", one["event_type"]),
            ("state", state(one["state"])),
            ("made", f"{moment(one['created_at'])} UTC"),
            ("attempts", one["attempt"]),
            ("last attempt", one["last_attempt_at"] and f"{moment(one['last_attempt_at'])} UTC"),
            ("took", one["duration_ms"] and f"{one['duration_ms']:,} ms"),
            ("answer", one["response_status"]),
            ("it said", one["response_excerpt"]),
            ("error", one["error"]),
            ("next attempt", one["next_attempt_at"] and f"{moment(one['next_attempt_at'])} UTC"),
        )
    )


def redeliver(context: typer.Context, endpoint: Endpoint, delivery: Delivery, json: Json = False) -> None:
    """Send an event again, with the same id."""
    session = opened(context, json)
    owed = session.api.send("POST", f"{path(endpoint)}/deliveries/{segment(delivery)}/redeliver").document
    say(session, owed, "It is on its way again.")


def recover(
    context: typer.Context,
    endpoint: Endpoint,
    since: Annotated[str, typer.Option(metavar="TIME", help="Made at or after, as 2026-01-31T06:00:00Z.")],
    json: Json = False,
) -> None:
    """Send again all that failed since a moment."""
    session = opened(context, json)
    owed = session.api.send("POST", f"{path(endpoint)}/recover", {"since": since}).document
    say(session, owed, f"{owed['deliveries']} deliveries are on their way again.")


COMMANDS: dict[str, Callable[..., None]] = {
    "deliveries": deliveries,
    "delivery": delivery,
    "redeliver": redeliver,
    "recover": recover,
}
"""Of the group `webhooks`."""
