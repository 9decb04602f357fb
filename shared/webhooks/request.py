"""What is posted for an attempt: the body, and its signatures by the Standard Webhooks library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from shared.domain.webhooks import Attempt, EndpointKind, WebhookRequest
from shared.webhooks.sealing import EndpointSecrets
from shared.webhooks.slack import slack_message


def request_for(attempt: Attempt, secrets: EndpointSecrets) -> WebhookRequest:
    """The request of an attempt; its id is the event's on every one. ConfigurationError: a secret cannot be opened."""
    body = _body(attempt)
    opened = [secrets.open(attempt.endpoint_id, sealed) for sealed in attempt.sealed_secrets]
    url = attempt.url if attempt.sealed_url is None else secrets.open(attempt.endpoint_id, attempt.sealed_url)
    signed = signature_headers(str(attempt.event_id), attempt.claimed_at, body, opened)
    return WebhookRequest(url=url, headers={"Content-Type": "application/json", **signed}, body=body.encode())


def signature_headers(message_id: str, at: datetime, body: str, secrets: Sequence[str]) -> dict[str, str]:
    """The standard's three headers, with a signature for each secret. `at`: aware."""
    moment = at.astimezone(UTC)
    signatures = " ".join(Webhook(secret).sign(message_id, moment, body) for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signatures,
    }


def _body(attempt: Attempt) -> str:
    """The envelope, with the time under the standard's name too; or Slack's form of it."""
    if attempt.kind is EndpointKind.SLACK:
        content = slack_message(attempt.payload)
    else:
        content = attempt.payload | {"timestamp": attempt.payload.get("occurred_at")}
    return json.dumps(content, separators=(",", ":"))
