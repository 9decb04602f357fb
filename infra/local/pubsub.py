"""Pub/Sub on loopback: the official emulator where it is found, else our own broker; and its topology."""

import os
import shutil
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

import grpc
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import DeadLetterPolicy, ExpirationPolicy, PushConfig, RetryPolicy, Subscription

from infra.local.addresses import LOOPBACK, answers, free_port
from infra.local.process import PartFailedError, Process

type Kind = Literal["official", "embedded"]

DEAD_LETTER_TOPIC = "refresh-dead-letter"
# Each topic, and the function that its messages are pushed to.
SUBSCRIBERS = {
    "refresh-schedule": "orchestrator",
    "refresh-asin": "asin",
    "refresh-search-queries": "search_queries",
    "refresh-summaries": "summaries",
    "refresh-generic": "generic",
    "refresh-events": "notifier",
    "refresh-deliveries": "notifier",
    DEAD_LETTER_TOPIC: "orchestrator",
}

_EMULATOR = Path("platform/pubsub-emulator/bin/cloud-pubsub-emulator")
_USUAL_SDK = Path("/usr/lib/google-cloud-sdk")
_ACK_DEADLINE_SECONDS = 600
_BACKOFF = RetryPolicy(minimum_backoff=timedelta(seconds=1), maximum_backoff=timedelta(seconds=60))
_MAX_ATTEMPTS = 100
_START_SECONDS = 60


class PubSub:
    """A Pub/Sub server on a free port. It keeps nothing over a restart. `kind` None: official where found."""

    def __init__(self, *, kind: Kind | None, log: Path) -> None:
        self._log = log
        self._emulator = official_emulator() if kind != "embedded" else None
        if kind == "official" and self._emulator is None:
            problem = "the official emulator needs java and the Google Cloud SDK's pubsub-emulator; not found"
            raise PartFailedError("pubsub", f"{problem}. Install them, or use --bus embedded")
        self.kind: Kind = "embedded" if self._emulator is None else "official"
        self._port = free_port()
        self._process: Process | None = None

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    def launch(self) -> None:
        """Start it without waiting."""
        if self._emulator is not None:
            command = [str(self._emulator), f"--host={LOOPBACK}", f"--port={self._port}"]
        else:
            command = [sys.executable, "-m", "infra.local.broker", "--host", LOOPBACK, "--port", str(self._port)]
        root = Path(__file__).parents[2]
        self._process = Process("pubsub", command, log=self._log, cwd=root)
        self._process.start()

    def wait_ready(self) -> None:
        """Return when it answers. Raises PartFailedError with the end of the log."""
        if self._process is None:
            raise RuntimeError("pubsub was not started")
        self._process.wait_ready(lambda: answers(self._port), timeout=_START_SECONDS)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()


def official_emulator() -> Path | None:
    """The start script of the official emulator, None: it is not on this machine, or java is missing."""
    roots = [Path(os.environ["CLOUDSDK_ROOT"])] if "CLOUDSDK_ROOT" in os.environ else []
    gcloud = shutil.which("gcloud")
    if gcloud is not None:
        roots.append(Path(gcloud).resolve().parents[1])
    found = [root / _EMULATOR for root in (*roots, _USUAL_SDK) if os.access(root / _EMULATOR, os.X_OK)]
    return found[0] if found and shutil.which("java") else None


def publisher(address: str) -> PublisherClient:
    """A client that publishes at once, one call a message, to the server at `host:port`."""
    return PublisherClient(transport=PublisherGrpcTransport(channel=grpc.insecure_channel(address)))


def subscriber(address: str) -> SubscriberClient:
    """A client for subscriptions of the server at `host:port`."""
    return SubscriberClient(transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(address)))


def create_topics(address: str, project: str) -> None:
    """Create every topic of the project on a server that is new."""
    with publisher(address) as client:
        for topic in SUBSCRIBERS:
            client.create_topic(name=f"projects/{project}/topics/{topic}")


def create_subscriptions(address: str, project: str, endpoints: Mapping[str, str]) -> None:
    """Create a push subscription for every topic whose function (`endpoints`: name to URL) is there."""
    with subscriber(address) as client:
        for topic, function in SUBSCRIBERS.items():
            if function in endpoints:
                client.create_subscription(request=_subscription(project, topic, endpoints[function]))


def _subscription(project: str, topic: str, endpoint: str) -> Subscription:
    settings = Subscription(
        name=f"projects/{project}/subscriptions/{topic}-push",
        topic=f"projects/{project}/topics/{topic}",
        push_config=PushConfig(push_endpoint=endpoint),
        ack_deadline_seconds=_ACK_DEADLINE_SECONDS,
        retry_policy=_BACKOFF,
        expiration_policy=ExpirationPolicy(),
        retain_acked_messages=True,  # so that a seek finds them; in the cloud the topic keeps them
    )
    if topic != DEAD_LETTER_TOPIC:
        settings.dead_letter_policy = DeadLetterPolicy(
            dead_letter_topic=f"projects/{project}/topics/{DEAD_LETTER_TOPIC}", max_delivery_attempts=_MAX_ATTEMPTS
        )
    return settings
