"""Signatures as receivers verify them, with the standard's own libraries."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from shared.adapters.secretbox import AesSecretBox, new_key
from shared.domain.errors import ConfigurationError
from shared.domain.webhooks import EndpointKind
from shared.webhooks.request import signature_headers
from shared.webhooks.sealing import new_secret
from tests.support import other_clients
from tests.support.raw_receiver import Posted, RawReceiver
from tests.support.webhooks import ACTOR, Webhooks

VERIFIER = Path(__file__).with_name("verify.mjs")


def verifies(posted: Posted, secret: str) -> bool:
    try:
        Webhook(secret).verify(posted.body, posted.headers)
    except WebhookVerificationError:
        return False
    return True


def test_the_published_example_of_the_specification() -> None:
    headers = signature_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        '{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_time_is_the_same_in_any_zone() -> None:
    moment = datetime(2025, 6, 2, 6, tzinfo=UTC)
    there = moment.astimezone(tz=datetime.now().astimezone().tzinfo)
    assert signature_headers("a", moment, "{}", [KEY]) == signature_headers("a", there, "{}", [KEY])


KEY = new_secret()


def test_a_delivery_is_signed_with_the_endpoints_secret(webhooks: Webhooks, receiver: RawReceiver) -> None:
    _, secret = webhooks.add(receiver.url())
    webhooks.announce(data={"error": "ümläut \N{SNOWMAN} <&>"})
    assert verifies(receiver.requests[0], secret)
    assert not verifies(receiver.requests[0], KEY)


def test_both_secrets_sign_until_the_overlap_is_over(webhooks: Webhooks, receiver: RawReceiver) -> None:
    endpoint, old = webhooks.add(receiver.url())
    new, until = webhooks.endpoints.rotate_secret(endpoint.endpoint_id, actor=ACTOR, overlap_hours=2)
    assert until is not None
    assert until - datetime.now(UTC) > timedelta(hours=1)
    webhooks.announce()
    webhooks.move_time(2 * 3600 + 1)
    webhooks.announce()
    found = [(verifies(one, old), verifies(one, new)) for one in receiver.requests]
    assert found == [(True, True), (False, True)]


def test_without_overlap_the_old_secret_is_forgotten_at_once(webhooks: Webhooks, receiver: RawReceiver) -> None:
    endpoint, old = webhooks.add(receiver.url())
    new, until = webhooks.endpoints.rotate_secret(endpoint.endpoint_id, actor=ACTOR, overlap_hours=0)
    webhooks.announce()
    assert until is None
    assert (verifies(receiver.requests[0], old), verifies(receiver.requests[0], new)) == (False, True)


def test_another_languages_library_verifies(webhooks: Webhooks, receiver: RawReceiver) -> None:
    modules = other_clients.node_modules("standardwebhooks")
    _, secret = webhooks.add(receiver.url())
    webhooks.announce(data={"error": "ümläut \N{SNOWMAN}"})
    posted = receiver.requests[0]
    assert _node(modules, secret, posted).stdout == "verified\n"
    assert "No matching signature" in _node(modules, KEY, posted).stderr


def test_no_secret_is_stored_in_the_clear(webhooks: Webhooks, receiver: RawReceiver) -> None:
    _, secret = webhooks.add(receiver.url(path="/services/T1/B2/token"), kind=EndpointKind.SLACK)
    stored = webhooks.run("SELECT e::text AS text, encode(secret, 'escape') AS secret FROM refresh.webhook_endpoint e")[
        0
    ]
    audited = webhooks.run("SELECT string_agg(a::text, ' ') AS text FROM refresh.refresh_audit_log a")[0]["text"]
    for text in (stored["text"], stored["secret"], audited):
        assert secret not in text
        assert secret.removeprefix("whsec_") not in text
        assert "services" not in text


def test_a_sealed_secret_opens_for_its_endpoint_and_with_any_configured_key_only() -> None:
    old, new = new_key(), new_key()
    mine, other = uuid4().bytes, uuid4().bytes
    sealed = AesSecretBox(old).seal(b"secret", context=mine)
    assert AesSecretBox(f"{new}, {old}").open(sealed, context=mine) == b"secret"
    for box, text, context in [
        (AesSecretBox(old), sealed, other),
        (AesSecretBox(new), sealed, mine),
        (AesSecretBox(old), sealed[:-1] + bytes([sealed[-1] ^ 1]), mine),
        (AesSecretBox(old), b"", mine),
        (AesSecretBox(old), b"\x02" + sealed[1:], mine),
    ]:
        with pytest.raises(ConfigurationError, match="WEBHOOK_SECRET_KEY"):
            box.open(text, context=context)
    assert AesSecretBox(old).seal(b"secret", context=mine) != sealed


@pytest.mark.parametrize("key", ["", "short", "c2hvcnQ=", "!" * 44, "A" * 40])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match="32 random bytes"):
        AesSecretBox(key)


def test_after_all_secrets_were_rotated_the_new_key_alone_is_enough(webhooks: Webhooks, receiver: RawReceiver) -> None:
    standard, before = webhooks.add(receiver.url(path="/standard"))
    slack, _ = webhooks.add(receiver.url(path="/services/T1/B2/token"), kind=EndpointKind.SLACK)
    newest = new_key()
    webhooks.use_keys(newest, webhooks.key)
    after, _ = webhooks.endpoints.rotate_secret(standard.endpoint_id, actor=ACTOR, overlap_hours=2)
    webhooks.endpoints.rotate_secret(slack.endpoint_id, actor=ACTOR, overlap_hours=2)
    assert webhooks.audit()[-2:] == [("webhook_secret_rotated", ACTOR)] * 2
    webhooks.use_keys(newest)
    webhooks.announce(type="refresh.held")
    posted = {one.line.split()[1]: one for one in receiver.requests}
    assert posted.keys() == {"/standard", "/services/T1/B2/token"}
    assert (verifies(posted["/standard"], before), verifies(posted["/standard"], after)) == (True, True)


def test_where_the_key_is_lost_a_new_secret_mends_the_endpoint(webhooks: Webhooks, receiver: RawReceiver) -> None:
    endpoint, _ = webhooks.add(receiver.url())
    webhooks.use_keys(new_key())
    webhooks.announce()
    assert "WEBHOOK_SECRET_KEY" in webhooks.delivery()["error"], "it says what to do"
    secret, until = webhooks.endpoints.rotate_secret(endpoint.endpoint_id, actor=ACTOR)
    assert until is None, "what cannot be opened does not sign along"
    webhooks.move_time(6)
    webhooks.deliver_due()
    assert verifies(receiver.requests[0], secret)


def test_a_secret_that_cannot_be_opened_is_the_deliverys_trouble_alone(
    webhooks: Webhooks, receiver: RawReceiver
) -> None:
    webhooks.add(receiver.url("127.0.0.1", "/broken"))
    webhooks.run("UPDATE refresh.webhook_endpoint SET secret = '\\x0102'")
    webhooks.add(receiver.url("127.0.0.1", "/fine"))
    webhooks.announce()
    assert [one.line for one in receiver.requests] == ["POST /fine HTTP/1.1"]
    assert sorted(webhooks.states()) == ["delivered", "pending"]


def _node(modules: Path, secret: str, posted: Posted) -> subprocess.CompletedProcess[str]:
    """Run the verifier beside the modules, since that is where node looks for them."""
    script = modules.parent / f"verify-{uuid4().hex}.mjs"
    script.write_text(VERIFIER.read_text())
    message = json.dumps({"secret": secret, "body": posted.body.decode(), "headers": posted.headers})
    try:
        return subprocess.run(["node", script], input=message, capture_output=True, text=True, timeout=30, check=False)
    finally:
        script.unlink()
