"""The steps of a worker, told to its log and its trace."""

from __future__ import annotations

import structlog

from shared import tracing

_log = structlog.get_logger()


class LoggedSteps:
    """Named steps as debug events, and as moments of the span that is open."""

    def reached(self, step: str) -> None:
        _log.debug("step", step=step)
        tracing.event(step)
