"""A worker's message: read it, do the work, publish what the work owes."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from shared.domain.messages import Delivery, TableMessage
from shared.messaging import outbox, receive
from shared.messaging.endpoint import received
from shared.ports import Bus
from shared.refresh.definition_fit import Datasets
from shared.refresh.run import TableRefresh
from shared.refresh.runtime import Runtime
from shared.refresh.summaries import ViewRefresh


def handle_table(runtime: Runtime, bus: Bus, delivery: Delivery, *, function: str, datasets: Datasets) -> str:
    """Refresh the table that the delivery names. Raises InvalidMessage, RetryLater."""
    return _handle(runtime, bus, delivery, function, lambda message: TableRefresh(runtime, message, datasets).run())


def handle_view(runtime: Runtime, bus: Bus, delivery: Delivery, *, function: str) -> str:
    """Refresh the materialized view that the delivery names. Raises InvalidMessage, RetryLater."""
    return _handle(runtime, bus, delivery, function, lambda message: ViewRefresh(runtime, message).run())


def _handle(runtime: Runtime, bus: Bus, delivery: Delivery, function: str, work: Callable[[TableMessage], None]) -> str:
    message = receive.table_message(delivery)
    about = {"run": str(message.run_id), "table": str(message.table), "lane": message.lane}
    with (
        received(delivery, "refresh table", **{f"refresh.{name}": str(value) for name, value in about.items()}),
        structlog.contextvars.bound_contextvars(function=function, **about),
    ):
        try:
            work(message)
        finally:
            outbox.flush(runtime.store, bus)
    return "done"
