"""Pub/Sub's publisher on loopback, which fails as a test has put down, in the words of Google's service."""

from __future__ import annotations

import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.pubsub_v1 import types
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

_SERVICE = "google.pubsub.v1.Publisher"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An answer that is none. `reason`: that of its ErrorInfo. `after`: the messages were taken all the same."""

    code: grpc.StatusCode
    message: str
    reason: str | None = None
    after: bool = False


UNAVAILABLE = Failure(
    code=grpc.StatusCode.UNAVAILABLE,
    message="The service was unable to fulfill your request. Please try again. [code=8a75]",
)
INTERNAL = Failure(code=grpc.StatusCode.INTERNAL, message="A service error has occurred. Please retry. [code=02ca]")
RATE_LIMIT = Failure(
    code=grpc.StatusCode.RESOURCE_EXHAUSTED,
    message="Quota exceeded for quota metric 'Regional publisher throughput, kB' and limit 'Regional publisher "
    "throughput, kB per minute per region' of service 'pubsub.googleapis.com' for consumer 'project_number:1'.",
    reason="RATE_LIMIT_EXCEEDED",
)
NOT_FOUND = Failure(code=grpc.StatusCode.NOT_FOUND, message="Resource not found (resource=refresh-generic).")
FORBIDDEN = Failure(
    code=grpc.StatusCode.PERMISSION_DENIED,
    message="User not authorized to perform this action.",
    reason="IAM_PERMISSION_DENIED",
)
KEY_DISABLED = Failure(
    code=grpc.StatusCode.FAILED_PRECONDITION, message="The Cloud KMS key of the topic is disabled or destroyed."
)
UNAUTHENTICATED = Failure(
    code=grpc.StatusCode.UNAUTHENTICATED,
    message="Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential.",
    reason="ACCESS_TOKEN_EXPIRED",
)
INVALID = Failure(
    code=grpc.StatusCode.INVALID_ARGUMENT,
    message="Some messages in the request exceed the limit (key or value of an attribute is too long).",
)


class PublisherStub:
    """A context manager. `script`: what the calls for a topic come to, one by one; `always`: all of its calls.

    `refused_numbers`: messages with one of these numbers make their whole call INVALID.
    """

    def __init__(self) -> None:
        self.script: defaultdict[str, list[Failure | None]] = defaultdict(list)
        self.always: dict[str, Failure] = {}
        self.refused_numbers: set[int] = set()
        self.calls: list[tuple[str, list[int]]] = []
        """Topic and the numbers of the messages, call by call."""
        self.taken: list[int] = []
        self._server = grpc.server(ThreadPoolExecutor(4))
        methods = {
            "Publish": grpc.unary_unary_rpc_method_handler(
                self._publish,
                request_deserializer=types.PublishRequest.deserialize,
                response_serializer=types.PublishResponse.serialize,
            ),
            "GetTopic": grpc.unary_unary_rpc_method_handler(
                self._get_topic,
                request_deserializer=types.GetTopicRequest.deserialize,
                response_serializer=types.Topic.serialize,
            ),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, methods),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(grace=None).wait()

    def _publish(self, request: types.PublishRequest, context: grpc.ServicerContext) -> Any:
        topic = request.topic.rpartition("/")[2]
        numbers = [int(json.loads(message.data)["number"]) for message in request.messages]
        self.calls.append((topic, numbers))
        failure = self._next(topic)
        if failure is None and self.refused_numbers & set(numbers):
            failure = INVALID
        if failure is not None and not failure.after:
            _abort(context, failure)
        self.taken += numbers
        if failure is not None:
            _abort(context, failure)
        return types.PublishResponse(message_ids=[str(number) for number in numbers])

    def _get_topic(self, request: types.GetTopicRequest, context: grpc.ServicerContext) -> Any:
        failure = self._next(request.topic.rpartition("/")[2])
        if failure is not None:
            _abort(context, failure)
        return types.Topic(name=request.topic)

    def _next(self, topic: str) -> Failure | None:
        return self.script[topic].pop(0) if self.script[topic] else self.always.get(topic)


def _abort(context: grpc.ServicerContext, failure: Failure) -> None:
    if failure.reason is not None:
        detail = AnyMessage()
        detail.Pack(ErrorInfo(reason=failure.reason, domain="googleapis.com"))
        status = Status(code=failure.code.value[0], message=failure.message, details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(failure.code, failure.message)
