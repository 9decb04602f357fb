"""The steps of a worker, told to its log."""

from __future__ import annotations

import structlog

_log = structlog.get_logger()


class LoggedSteps:
    """Named steps as debug events."""

    def reached(self, step: str) -> None:
        _log.debug("step", step=step)
