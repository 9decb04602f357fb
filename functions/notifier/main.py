"""Tells webhook endpoints what happened: topics refresh-events and refresh-deliveries."""

from __future__ import annotations

from flask import Request

from shared import wiring
from shared.messaging.endpoint import Answer, answer


def notifier(request: Request) -> Answer:
    """Entry point: a Pub/Sub push."""
    refused = wiring.push_refused(request)
    if refused is not None:
        return refused
    handler = wiring.notifier()
    return answer(request.get_data(), dict(request.headers), bus=wiring.bus(), handle=handler.handle)
