"""Pub/Sub: publishes in batches, one call for a topic's messages, in their order."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from functools import cached_property

import grpc
from google.api_core import exceptions
from google.api_core.retry import Retry, if_transient_error
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PubsubMessage

from shared.domain.errors import RetryLater
from shared.domain.messages import SCHEDULE_TOPIC, OwedMessage

_BATCH_MESSAGES = 1_000
_BATCH_BYTES = 3_500_000
_MESSAGE_OVERHEAD = 64
_TIMEOUT_SECONDS = 15.0
_UNAVAILABLE = (exceptions.GoogleAPICallError, exceptions.RetryError)

_Encoded = tuple[int, PubsubMessage]


class PubSubBus:
    """A `Bus`. The client is made when first needed; `emulator` is a `host:port` without TLS and login."""

    def __init__(self, project: str, *, emulator: str | None = None, timeout: float = _TIMEOUT_SECONDS) -> None:
        self._project = project
        self._emulator = emulator if emulator is not None else os.environ.get("PUBSUB_EMULATOR_HOST")
        self._timeout = timeout
        self._retry = Retry(predicate=if_transient_error, initial=0.1, maximum=2.0, timeout=timeout)

    def publish(self, messages: Sequence[OwedMessage]) -> list[int]:
        """See `ports.Bus`. A topic's trouble does not keep back the others; a server's ends the attempt."""
        taken: list[int] = []
        refused: list[str] = []
        try:
            for topic, encoded in _by_topic(messages).items():
                for batch in _batches(encoded):
                    taken += self._publish(topic, batch, refused)
        except _UNAVAILABLE as error:
            refused.append(str(error))
        if refused and not taken:
            raise RetryLater("; ".join(dict.fromkeys(refused)), reason="pubsub_unavailable")
        return taken

    def check(self) -> None:
        """Return when Pub/Sub answers and has the topic that starts runs; RetryLater says what is wrong.

        The right to publish may come without the right to look, so a refusal to show the topic is an answer too.
        """
        path = f"projects/{self._project}/topics/{SCHEDULE_TOPIC}"
        try:
            self._client.get_topic(topic=path, timeout=self._timeout, retry=None)
        except exceptions.PermissionDenied:
            return
        except _UNAVAILABLE as error:
            raise RetryLater(f"{SCHEDULE_TOPIC}: {error}", reason="pubsub_unavailable") from error

    def close(self) -> None:
        """Close the connection, if there is one."""
        if "_client" in self.__dict__:
            self._client.transport.close()

    @cached_property
    def _client(self) -> PublisherClient:
        if self._emulator:
            return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(self._emulator)))
        return PublisherClient()

    def _publish(self, topic: str, batch: list[_Encoded], refused: list[str]) -> list[int]:
        """Publish a batch; one that is refused is halved, so that a bad message stays behind alone."""
        path = f"projects/{self._project}/topics/{topic}"
        wire = [message for _, message in batch]
        try:
            self._client.publish(topic=path, messages=wire, retry=self._retry, timeout=self._timeout)
        except exceptions.InvalidArgument as error:
            refused.append(f"{topic}: {error}")
            if len(batch) == 1:
                return []
            half = len(batch) // 2
            return self._publish(topic, batch[:half], refused) + self._publish(topic, batch[half:], refused)
        except (exceptions.NotFound, exceptions.PermissionDenied, exceptions.FailedPrecondition) as error:
            refused.append(f"{topic}: {error}")
            return []
        return [outbox_id for outbox_id, _ in batch]


def _by_topic(messages: Sequence[OwedMessage]) -> dict[str, list[_Encoded]]:
    topics: dict[str, list[_Encoded]] = {}
    for message in messages:
        data = json.dumps(message.payload, separators=(",", ":")).encode()
        encoded = PubsubMessage(data=data, attributes=message.attributes)
        topics.setdefault(message.topic, []).append((message.outbox_id, encoded))
    return topics


def _batches(messages: list[_Encoded]) -> Iterator[list[_Encoded]]:
    """Cut by the limits of 1,000 messages (Pub/Sub) and 4 MB (servers with the defaults of gRPC) a call."""
    batch: list[_Encoded] = []
    size = 0
    for one in messages:
        bytes_ = len(one[1].data) + _MESSAGE_OVERHEAD + sum(len(k) + len(v) for k, v in one[1].attributes.items()) * 4
        if batch and (len(batch) == _BATCH_MESSAGES or size + bytes_ > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += bytes_
    if batch:
        yield batch
