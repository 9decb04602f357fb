"""Plans runs, takes them on, sweeps, and records dead letters: topics refresh-schedule and refresh-dead-letter."""

from __future__ import annotations

from flask import Request

from shared import wiring
from shared.config import Settings
from shared.messaging.endpoint import Answer, answer
from shared.orchestration.orchestrator import Orchestrator
from shared.planning.schedule import Schedule


def orchestrator(request: Request) -> Answer:
    """Entry point: a Pub/Sub push."""
    refused = wiring.push_refused(request)
    if refused is not None:
        return refused
    settings = wiring.settings()
    handler = Orchestrator(
        store=wiring.store(),
        bus=wiring.bus(),
        source=wiring.source(),
        schedule=Schedule.parse(settings.refresh_schedule, settings.refresh_time_zone),
        verification=_verification(settings),
    )
    return answer(request.get_data(), dict(request.headers), bus=wiring.bus(), handle=handler.handle)


def _verification(settings: Settings) -> Schedule | None:
    if settings.refresh_verify_schedule == "off":
        return None
    return Schedule.parse(settings.refresh_verify_schedule, settings.refresh_time_zone, name="REFRESH_VERIFY_SCHEDULE")
