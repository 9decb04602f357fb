"""Push delivery: one HTTP POST per message, in Pub/Sub's JSON; the status code decides."""

import base64
import http.client
import json
import socket
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from google.pubsub_v1.types import Subscription as Settings

from infra.local.broker.book import Book, NotFoundError
from infra.local.broker.message import Delivery

_ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})
_OUTSTANDING = 32


class Pusher:
    """Pushes what is owed, on a thread per outstanding message (at most 32 for a subscription), until it is stopped."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._stopped = False
        self._open: set[http.client.HTTPConnection] = set()
        self._thread = threading.Thread(target=self._run, name="broker-push", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Push nothing more, and cut what is on its way."""
        with self._book.changed:
            self._stopped = True
            self._book.changed.notify_all()
            for connection in self._open:
                if connection.sock is not None:
                    connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._book.changed:
                if self._stopped:
                    return
                due = self._book.take_for_push(_OUTSTANDING)
                if not due:
                    self._book.changed.wait(self._book.idle_seconds())
            for settings, delivery in due:
                body = json.dumps(push_body(settings, delivery)).encode()
                arguments = (settings, delivery.ack_id, body)
                threading.Thread(target=self._push, args=arguments, name="broker-push-one", daemon=True).start()

    def _push(self, settings: Settings, ack_id: str, body: bytes) -> None:
        accepted = self._post(settings, body) in _ACKNOWLEDGING
        try:
            if accepted:
                self._book.acknowledge(settings.name, [ack_id])
            else:
                self._book.set_deadline(settings.name, [ack_id], 0)
        except NotFoundError:
            return  # the subscription was deleted meanwhile, so nobody waits for the answer

    def _post(self, settings: Settings, body: bytes) -> int | None:
        """The endpoint's status, None: it gave none."""
        target = urlsplit(settings.push_config.push_endpoint)
        kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        connection = kind(target.hostname or "", target.port, timeout=settings.ack_deadline_seconds)
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        with self._book.changed:
            self._open.add(connection)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json", "User-Agent": "APIs-Google"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            with self._book.changed:
                self._open.discard(connection)
            connection.close()


def push_body(settings: Settings, delivery: Delivery) -> Mapping[str, object]:
    """The JSON of a push; `deliveryAttempt` is there only where dead-lettering is set up, as in Pub/Sub."""
    message = delivery.message
    published = message.published_at.isoformat().replace("+00:00", "Z")
    body: dict[str, object] = {
        "message": {
            "attributes": dict(message.attributes),
            "data": base64.b64encode(message.data).decode(),
            "messageId": message.id,
            "message_id": message.id,
            "publishTime": published,
            "publish_time": published,
        },
        "subscription": settings.name,
    }
    if settings.dead_letter_policy.dead_letter_topic:
        body["deliveryAttempt"] = delivery.attempt
    return body
