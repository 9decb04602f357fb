"""What is traced is sent, as much of it as was asked for; whoever does not take it costs next to nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from shared.adapters.telemetry import OpenTelemetry, Unhurried
from tests.support.otlp_receiver import OtlpReceiver

SAMPLED, UNSAMPLED = (f"00-{'a' * 32}-{'b' * 16}-{flag}" for flag in ("01", "00"))
BATCHES = 3
SPANS = BATCHES * 512


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


def tracer(url: str, *, share: float = 1.0) -> OpenTelemetry:
    return OpenTelemetry(url, project="p", function="generic", share=share)


def work(one: OpenTelemetry, *, spans: int = 1, parent: str | None = None) -> str | None:
    """So many spans below a first one, whose traceparent is returned."""
    with one.span("first", kind="consumer", parent=parent, attributes={}):
        found = one.traceparent()
        for _ in range(spans - 1):
            with one.span("more", kind="internal", parent=None, attributes={}):
                pass
    return found


def test_what_has_ended_is_sent_when_it_is_flushed(receiver: OtlpReceiver) -> None:
    one = tracer(receiver.url)
    work(one, spans=3, parent=SAMPLED)
    one.flush()
    assert sorted(span.name for span in receiver.spans) == ["first", "more", "more"]
    assert {span.trace_id for span in receiver.spans} == {"a" * 32}
    assert {span.service for span in receiver.spans} == {"refresh-generic"}
    (first,) = (span for span in receiver.spans if span.name == "first")
    assert first.parent_id == "b" * 16


@pytest.mark.parametrize(
    ("share", "parent", "sent"),
    [(0.0, None, 0), (1.0, None, 1), (0.0, SAMPLED, 1), (1.0, UNSAMPLED, 0)],
)
def test_whoever_begins_a_trace_decides_for_all_of_it(
    receiver: OtlpReceiver, share: float, parent: str | None, sent: int
) -> None:
    one = tracer(receiver.url, share=share)
    traceparent = work(one, parent=parent)
    one.flush()
    assert len(receiver.spans) == sent
    assert traceparent is not None
    assert int(traceparent[-2:], 16) & 1 == sent, "the next function has to know"


def test_a_share_is_about_that_share(receiver: OtlpReceiver) -> None:
    one = tracer(receiver.url, share=0.25)
    for _ in range(400):
        work(one)
    one.flush()
    assert 50 < len(receiver.spans) < 150


def test_a_receiver_that_refuses_is_asked_once(receiver: OtlpReceiver) -> None:
    receiver.status = 400
    one = tracer(receiver.url)
    for _ in range(2):
        work(one, spans=SPANS)
        one.flush()
    assert receiver.posts == 1


def test_a_receiver_that_never_answers_is_waited_for_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one = tracer(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces")
        work(one, spans=SPANS)
        started = time.monotonic()
        one.flush()
        assert time.monotonic() - started < 8, "a worker that is told to end has ten seconds"
        started = time.monotonic()
        work(one, spans=SPANS)
        one.flush()
        assert time.monotonic() - started < 2


class Flaky(SpanExporter):
    """Does what the test says, and counts."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: SpanExportResult | Exception = SpanExportResult.FAILURE

    def export(self, spans: object) -> SpanExportResult:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_after_a_minute_it_is_tried_again() -> None:
    now = [0.0]
    flaky = Flaky()
    one = Unhurried(flaky, now=lambda: now[0])
    assert one.export([]) is SpanExportResult.FAILURE
    assert one.export([]) is SpanExportResult.FAILURE
    assert flaky.asked == 1
    now[0] = 64.0
    flaky.answer = OSError("credentials")
    with pytest.raises(OSError, match="credentials"):
        one.export([])
    assert one.export([]) is SpanExportResult.FAILURE
    assert flaky.asked == 2
    now[0] = 128.0
    flaky.answer = SpanExportResult.SUCCESS
    assert [one.export([]) for _ in range(3)] == [SpanExportResult.SUCCESS] * 3
    assert flaky.asked == 5
