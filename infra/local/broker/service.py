"""google.pubsub.v1 over gRPC: each method is a few lines on the book."""

import time
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import types

from infra.local.broker.book import AlreadyExistsError, Book, NotFoundError, RefusedError
from infra.local.broker.message import Delivery

_PULL_SECONDS = 20.0
_CODES = {
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    AlreadyExistsError: grpc.StatusCode.ALREADY_EXISTS,
    RefusedError: grpc.StatusCode.INVALID_ARGUMENT,
}

type Method = Callable[[Any, grpc.ServicerContext], Any]


class Publisher:
    """The service google.pubsub.v1.Publisher, as far as it goes."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def handlers(self) -> grpc.GenericRpcHandler:
        return _handlers(
            "google.pubsub.v1.Publisher",
            {
                "CreateTopic": (types.Topic, types.Topic, lambda topic, _: self._book.create_topic(topic)),
                "GetTopic": (types.GetTopicRequest, types.Topic, lambda asked, _: self._book.topic(asked.topic)),
                "ListTopics": (types.ListTopicsRequest, types.ListTopicsResponse, self._list),
                "DeleteTopic": (types.DeleteTopicRequest, Empty, self._delete),
                "Publish": (types.PublishRequest, types.PublishResponse, self._publish),
            },
        )

    def _list(self, asked: types.ListTopicsRequest, context: grpc.ServicerContext) -> types.ListTopicsResponse:
        return types.ListTopicsResponse(topics=self._book.topics(asked.project))

    def _delete(self, asked: types.DeleteTopicRequest, context: grpc.ServicerContext) -> Empty:
        self._book.delete_topic(asked.topic)
        return Empty()

    def _publish(self, asked: types.PublishRequest, context: grpc.ServicerContext) -> types.PublishResponse:
        if any(message.ordering_key for message in asked.messages):
            raise RefusedError("ordering_key is not available in the embedded broker")
        messages = [(message.data, dict(message.attributes)) for message in asked.messages]
        return types.PublishResponse(message_ids=self._book.publish(asked.topic, messages))


class Subscriber:
    """The service google.pubsub.v1.Subscriber, as far as it goes."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def handlers(self) -> grpc.GenericRpcHandler:
        subscription = types.Subscription
        return _handlers(
            "google.pubsub.v1.Subscriber",
            {
                "CreateSubscription": (subscription, subscription, lambda new, _: self._book.create_subscription(new)),
                "GetSubscription": (types.GetSubscriptionRequest, subscription, self._get),
                "ListSubscriptions": (types.ListSubscriptionsRequest, types.ListSubscriptionsResponse, self._list),
                "DeleteSubscription": (types.DeleteSubscriptionRequest, Empty, self._delete),
                "ModifyPushConfig": (types.ModifyPushConfigRequest, Empty, self._modify_push),
                "ModifyAckDeadline": (types.ModifyAckDeadlineRequest, Empty, self._modify_deadline),
                "Acknowledge": (types.AcknowledgeRequest, Empty, self._acknowledge),
                "Pull": (types.PullRequest, types.PullResponse, self._pull),
                "Seek": (types.SeekRequest, types.SeekResponse, self._seek),
            },
        )

    def _get(self, asked: types.GetSubscriptionRequest, context: grpc.ServicerContext) -> types.Subscription:
        return self._book.subscription(asked.subscription).settings

    def _list(
        self, asked: types.ListSubscriptionsRequest, context: grpc.ServicerContext
    ) -> types.ListSubscriptionsResponse:
        return types.ListSubscriptionsResponse(subscriptions=self._book.subscriptions(asked.project))

    def _delete(self, asked: types.DeleteSubscriptionRequest, context: grpc.ServicerContext) -> Empty:
        self._book.delete_subscription(asked.subscription)
        return Empty()

    def _modify_push(self, asked: types.ModifyPushConfigRequest, context: grpc.ServicerContext) -> Empty:
        self._book.set_push_endpoint(asked.subscription, asked.push_config.push_endpoint)
        return Empty()

    def _modify_deadline(self, asked: types.ModifyAckDeadlineRequest, context: grpc.ServicerContext) -> Empty:
        self._book.set_deadline(asked.subscription, list(asked.ack_ids), asked.ack_deadline_seconds)
        return Empty()

    def _acknowledge(self, asked: types.AcknowledgeRequest, context: grpc.ServicerContext) -> Empty:
        self._book.acknowledge(asked.subscription, list(asked.ack_ids))
        return Empty()

    def _seek(self, asked: types.SeekRequest, context: grpc.ServicerContext) -> types.SeekResponse:
        if "time" not in asked:
            raise RefusedError("snapshot is not available in the embedded broker; seek to a time")
        self._book.seek(asked.subscription, asked.time)
        return types.SeekResponse()

    def _pull(self, asked: types.PullRequest, context: grpc.ServicerContext) -> types.PullResponse:
        until = time.monotonic() + (0.0 if asked.return_immediately else _patience(context))
        with self._book.changed:
            while True:
                taken = self._book.take(asked.subscription, asked.max_messages) if context.is_active() else []
                left = until - time.monotonic()
                if taken or left <= 0 or not context.is_active():
                    messages = [_received(self._book.subscription(asked.subscription).settings, one) for one in taken]
                    return types.PullResponse(received_messages=messages)
                idle = self._book.idle_seconds()
                self._book.changed.wait(left if idle is None else min(left, max(idle, 0.01)))


def _patience(context: grpc.ServicerContext) -> float:
    """How long an empty pull waits: less than the caller does."""
    remaining = context.time_remaining()
    return _PULL_SECONDS if remaining is None else min(_PULL_SECONDS, remaining / 2)


def _received(settings: types.Subscription, delivery: Delivery) -> types.ReceivedMessage:
    message = delivery.message
    return types.ReceivedMessage(
        ack_id=delivery.ack_id,
        delivery_attempt=delivery.attempt if settings.dead_letter_policy.dead_letter_topic else 0,
        message=types.PubsubMessage(
            data=message.data,
            attributes=dict(message.attributes),
            message_id=message.id,
            publish_time=message.published_at,
        ),
    )


def _handlers(service: str, methods: dict[str, tuple[Any, Any, Method]]) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        service,
        {
            name: grpc.unary_unary_rpc_method_handler(
                _answering(method),
                request_deserializer=request.deserialize,
                response_serializer=Empty.SerializeToString if response is Empty else response.serialize,
            )
            for name, (request, response, method) in methods.items()
        },
    )


def _answering(method: Method) -> Method:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(request, context)
        except tuple(_CODES) as error:
            return context.abort(_CODES[type(error)], str(error))

    return answer
