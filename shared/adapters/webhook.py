"""Webhooks over HTTP/1.1: one request on one connection, no redirect followed, no proxy asked."""

from __future__ import annotations

import http.client
import ssl
from functools import cached_property

from shared.adapters.egress import BoundedSocket, Deadline, Egress
from shared.domain.errors import NotSent
from shared.domain.webhook_url import WebhookUrl
from shared.domain.webhooks import WebhookRequest, WebhookResponse

ATTEMPT_SECONDS = 15.0
"""For all of an attempt: resolve, connect, send, and receive the answer's head."""
_MAX_ANSWER_BYTES = 128 * 1024
_EXCERPT_BYTES = 1_000
_EXCERPT_SECONDS = 2.0
_USER_AGENT = "daily-bigquery-refresh/1"


class HttpWebhookSender:
    """A `WebhookSender`. `tls`: whom to trust; None: the authorities that this machine trusts."""

    def __init__(
        self,
        egress: Egress,
        *,
        tls: ssl.SSLContext | None = None,
        attempt_seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self._egress = egress
        self._given_tls = tls
        self._attempt_seconds = attempt_seconds

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()

    def post(self, request: WebhookRequest) -> WebhookResponse:
        """See `ports.WebhookSender`."""
        try:
            url = WebhookUrl.parse(request.url, loopback=self._egress.loopback)
        except ValueError as error:
            raise NotSent(str(error), reason="egress") from error
        deadline = Deadline(self._attempt_seconds)
        bounded = BoundedSocket(self._egress.dial(url.host, url.port, deadline), deadline, limit=_MAX_ANSWER_BYTES)
        try:
            if url.scheme == "https":
                bounded.start_tls(self._tls, url.host.removesuffix("."))
            return _exchange(url, bounded, deadline, request)
        except TimeoutError:
            raise NotSent("no complete answer within the time limit", reason="timeout") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotSent(f"no legible answer ({error!r})", reason="protocol") from error
        finally:
            bounded.shut()


def _exchange(url: WebhookUrl, bounded: BoundedSocket, deadline: Deadline, request: WebhookRequest) -> WebhookResponse:
    connection = http.client.HTTPConnection(url.host, url.port)
    connection.sock = bounded
    connection.auto_open = 0
    own = {"Host": url.authority, "User-Agent": _USER_AGENT, "Accept": "*/*", "Connection": "close"}
    connection.request("POST", url.target, request.body, own | request.headers)
    with connection.getresponse() as response:
        delivered = 200 <= response.status < 300
        deadline.shorten(_EXCERPT_SECONDS)
        return WebhookResponse(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            excerpt="" if delivered else _excerpt(response),
        )


def _excerpt(response: http.client.HTTPResponse) -> str:
    """The beginning of the body, for people; whatever goes wrong here, the status is known."""
    try:
        text = response.read1(_EXCERPT_BYTES)
    except (NotSent, OSError, http.client.HTTPException, ValueError):
        return ""
    return text.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
