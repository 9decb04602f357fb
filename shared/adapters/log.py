"""Structured logs: one JSON line an event in Cloud Logging's field names, or readable lines on a terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared import tracing

_SEVERITIES = {"debug": "DEBUG", "info": "INFO", "warning": "WARNING", "error": "ERROR", "critical": "CRITICAL"}
_LABELS = ("run", "table", "slice", "function")


def configure(*, json_lines: bool, project: str) -> None:
    """Set structlog up for this process. Values never hold secrets or rows: callers log names, numbers and reasons."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _trace_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    if json_lines:
        shared += [
            structlog.processors.format_exc_info,
            lambda logger, name, event: _cloud_fields(event, project),
            structlog.processors.JSONRenderer(default=str),
        ]
    else:
        shared.append(
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        )
    structlog.configure(
        processors=shared,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def _trace_id(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    parent = tracing.traceparent()
    if parent is not None:
        event["trace_id"] = parent.split("-")[1]
    return event


def _cloud_fields(event: MutableMapping[str, Any], project: str) -> MutableMapping[str, Any]:
    """Source: Cloud Logging documentation, special fields in structured payloads."""
    event["severity"] = _SEVERITIES.get(event.pop("level", "info"), "DEFAULT")
    event["message"] = event.pop("event", "")
    labels = {name: str(event.pop(name)) for name in _LABELS if name in event}
    if labels:
        event["logging.googleapis.com/labels"] = labels
    trace = event.pop("trace_id", None)
    if trace:
        event["logging.googleapis.com/trace"] = f"projects/{project}/traces/{trace}"
    if "exception" in event:
        event["stack_trace"] = event.pop("exception")
    return event
