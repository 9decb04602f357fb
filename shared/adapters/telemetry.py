"""Spans by OpenTelemetry, sent by OTLP over HTTP: to Cloud Trace, or to any other receiver."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.tracing import Kind, Value

CLOUD_TRACE = "https://telemetry.googleapis.com/v1/traces"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SEND_SECONDS = 3.0
_PAUSE_SECONDS = 60.0
_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "consumer": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
}


class OpenTelemetry:
    """A `tracing.Tracer`. `endpoint` is the address of an OTLP receiver; Google's gets Google's credentials.

    It is a provider of its own, so that client libraries, which look for the global one, tell nothing.
    """

    def __init__(self, endpoint: str, *, project: str, function: str, share: float) -> None:
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)),
            resource=Resource.create({"service.name": f"refresh-{function}", "gcp.project_id": project}),
        )
        self._provider.add_span_processor(BatchSpanProcessor(Unhurried(_exporter(endpoint))))
        self._tracer = self._provider.get_tracer("refresh")
        self._form = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, *, kind: Kind, parent: str | None, attributes: dict[str, Value]) -> Iterator[None]:
        """See `tracing.Tracer`."""
        context = self._form.extract({"traceparent": parent}) if parent is not None else None
        with self._tracer.start_as_current_span(name, context=context, kind=_KINDS[kind], attributes=attributes):
            yield

    def event(self, name: str) -> None:
        """See `tracing.Tracer`."""
        trace.get_current_span().add_event(name)

    def attribute(self, name: str, value: Value) -> None:
        """See `tracing.Tracer`."""
        trace.get_current_span().set_attribute(name, value)

    def traceparent(self) -> str | None:
        """See `tracing.Tracer`."""
        carrier: dict[str, str] = {}
        self._form.inject(carrier)
        return carrier.get("traceparent")

    def flush(self) -> None:
        """See `tracing.Tracer`. A receiver that is away loses spans, and nothing else."""
        self._provider.force_flush()


class Unhurried(SpanExporter):
    """Sends by another exporter; when that has failed, everything is dropped for a minute, so that a receiver that is
    away costs its time limit once, and not with every message and every batch."""

    def __init__(self, exporter: SpanExporter, *, now: Callable[[], float] = time.monotonic) -> None:
        self._exporter = exporter
        self._now = now
        self._not_before = now()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans, or drop them."""
        if self._now() < self._not_before:
            return SpanExportResult.FAILURE
        self._not_before = self._now() + _SEND_SECONDS + _PAUSE_SECONDS  # should it fail, or raise
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._not_before = self._now()
        return result

    def shutdown(self) -> None:
        """See `SpanExporter`."""
        self._exporter.shutdown()


def _exporter(endpoint: str) -> SpanExporter:
    session: Any = None
    if endpoint == CLOUD_TRACE:
        import google.auth
        from google.auth.transport.requests import AuthorizedSession

        credentials, _ = google.auth.default(scopes=[_SCOPE])
        session = AuthorizedSession(credentials)
    return OTLPSpanExporter(endpoint=endpoint, timeout=_SEND_SECONDS, session=session)
