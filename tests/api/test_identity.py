"""Who may call what: every wrong kind of token on every route, and nothing happens."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from functions.api.access import Bucket
from functions.api.app import create_app
from functions.orchestrator.main import orchestrator
from shared import wiring
from shared.adapters.identity import IAP_HEADER, GoogleTokens, IapAssertions, Keys, PushTokens, Roles
from shared.config import read_settings
from shared.domain.errors import ConfigurationError, RetryLater
from shared.domain.identity import NotIdentified, NotPermitted, Role
from tests.api.conftest import OPERATOR, VIEWER, Api
from tests.support.tokens import AUDIENCE, IAP_AUDIENCE, KeyServer, Signer

ROLES = Roles(operators=frozenset({"ann@example.com"}), viewers=frozenset({"@example.org"}))


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def server(signer: Signer) -> KeyServer:
    return KeyServer({signer.key_id: signer.certificate})


@pytest.fixture
def google(server: KeyServer) -> GoogleTokens:
    return GoogleTokens(audience=AUDIENCE, roles=ROLES, keys=Keys(server))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def every_route(app: Flask) -> Iterator[tuple[str, str]]:
    """Method and path of every call of the API, with plausible values in the path; tests/web has the pages."""
    values = {"run_id": str(uuid4()), "table": "public.a", "dead_letter_id": 1}
    adapter = app.url_map.bind("localhost")
    calls = [rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("pages.")]
    for rule in calls:
        arguments = {name: values.get(name, str(uuid4())) for name in rule.arguments}
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, adapter.build(rule.endpoint, arguments, method=method)


def tampered(token: str) -> str:
    """The same signature over other claims."""
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["email"] = "ann@example.com"
    claims["hd"] = "x"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{forged}.{signature}"


def unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def wrong_tokens(signer: Signer) -> dict[str, str]:
    right = signer.token()
    return {
        "garbage": "garbage",
        "not base64": "a.b.c",
        "empty parts": "..",
        "stale": signer.token(age=7200),
        "from the future": signer.token(age=-600),
        "another audience": signer.token(aud="https://elsewhere.example.com"),
        "no audience": signer.token(aud=None),
        "another issuer": signer.token(iss="https://evil.example.com"),
        "no issuer": signer.token(iss=None),
        "no e-mail": signer.token(None),
        "unverified e-mail": signer.token(email_verified=False),
        "another key": Signer().token(),
        "an unknown key": Signer("key-2").token(),
        "tampered": tampered(right),
        "unsigned": unsigned(right),
        "cut off": right[:-10],
    }


def refuses(proofs: GoogleTokens, token: str) -> bool:
    try:
        proofs.identify(bearer(token))
    except NotIdentified:
        return True
    return False


def test_every_wrong_token_is_refused(google: GoogleTokens, signer: Signer) -> None:
    let_in = [kind for kind, token in wrong_tokens(signer).items() if not refuses(google, token)]
    assert let_in == []


def test_roles_come_from_the_address(google: GoogleTokens, signer: Signer) -> None:
    found = google.identify(bearer(signer.token()))
    assert found is not None
    assert (found.subject, found.role) == ("ann@example.com", Role.OPERATOR)
    found = google.identify(bearer(signer.token("Bob@Example.org")))
    assert found is not None
    assert found.role is Role.VIEWER
    with pytest.raises(NotPermitted, match=r"eve@example\.net"):
        google.identify(bearer(signer.token("eve@example.net")))
    assert google.identify({}) is None
    with pytest.raises(NotIdentified):
        google.identify({"Authorization": "Basic YTpi"})


def test_keys_are_kept_and_fetched_again_when_the_signer_has_new_ones(
    google: GoogleTokens, server: KeyServer, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        google.identify(bearer(signer.token()))
    assert len(server.asked) == 1
    new = Signer("key-2")
    server.certificates["key-2"] = new.certificate
    with pytest.raises(NotIdentified):
        google.identify(bearer(new.token()))
    assert len(server.asked) == 1
    clock = Keys.forget
    monkeypatch.setattr(Keys, "forget", lambda self, url, older_than: clock(self, url, older_than=0.0))
    assert google.identify(bearer(new.token())) is not None
    assert len(server.asked) == 2


def test_without_keys_nobody_is_let_in_or_turned_away(google: GoogleTokens, server: KeyServer, signer: Signer) -> None:
    server.down = True
    with pytest.raises(RetryLater):
        google.identify(bearer(signer.token()))


def test_the_proxys_assertion_counts_only_for_its_own_audience(server: KeyServer, signer: Signer) -> None:
    proxy = IapAssertions(audience=IAP_AUDIENCE, roles=ROLES, keys=Keys(server))
    right = signer.token(iss="https://cloud.google.com/iap", aud=IAP_AUDIENCE, email_verified=None)
    found = proxy.identify({IAP_HEADER: right})
    assert found is not None
    assert found.ambient
    assert proxy.identify(bearer(right)) is None
    for wrong in (signer.token(aud=IAP_AUDIENCE), signer.token(iss="https://cloud.google.com/iap"), "garbage"):
        with pytest.raises(NotIdentified):
            proxy.identify({IAP_HEADER: wrong})


def test_pushes_are_taken_from_one_account_alone(server: KeyServer, signer: Signer) -> None:
    push = PushTokens(audience=AUDIENCE, service_account="push@p.iam.gserviceaccount.com", keys=Keys(server))
    push.check(bearer(signer.token("push@p.iam.gserviceaccount.com")))
    with pytest.raises(NotPermitted):
        push.check(bearer(signer.token("ann@example.com")))
    with pytest.raises(NotIdentified):
        push.check({})
    for token in wrong_tokens(signer).values():
        with pytest.raises(NotIdentified):
            push.check(bearer(token))


def test_functions_that_are_pushed_to_refuse_everybody_else(
    api: Api, server: KeyServer, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def push(**headers: str) -> tuple[str, int]:
        request = Request(EnvironBuilder(method="POST", headers=list(headers.items()), data=b"{}").get_environ())
        return orchestrator(request)  # type: ignore[arg-type]

    assert push()[1] == 400
    tokens = PushTokens(audience=AUDIENCE, service_account="push@example.com", keys=Keys(server))
    monkeypatch.setattr(wiring, "push_tokens", lambda: tokens)
    assert push()[1] == 401
    assert push(Authorization=f"Bearer {signer.token(age=7200)}")[1] == 401
    assert push(Authorization=f"Bearer {signer.token()}")[1] == 403
    assert push(Authorization=f"Bearer {signer.token('push@example.com')}")[1] == 400
    server.down = True
    tokens = PushTokens(audience=AUDIENCE, service_account="push@example.com", keys=Keys(server))
    assert push(Authorization=f"Bearer {signer.token('push@example.com')}")[1] == 503


def test_push_settings_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@127.0.0.1:1/d")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("PUSH_AUDIENCE", AUDIENCE)
    with pytest.raises(ConfigurationError, match="PUSH_SERVICE_ACCOUNT"):
        read_settings()
    monkeypatch.setenv("PUSH_SERVICE_ACCOUNT", "push@example.com")
    assert read_settings().push_audience == AUDIENCE
    monkeypatch.setenv("API_OPERATORS", "ann@example.com, nobody")
    with pytest.raises(ConfigurationError, match="API_OPERATORS"):
        read_settings()


def test_every_wrong_token_on_every_route(
    api: Api, google: GoogleTokens, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.plane.register("a")
    before = fingerprint(api)
    proofs = (*wiring.proofs(), google)
    monkeypatch.setattr(wiring, "proofs", lambda: proofs)
    routes = list(every_route(api.app))
    assert len(routes) > 15
    wrong = list(wrong_tokens(signer).values())
    for method, path in routes:
        for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}, *map(bearer, wrong)):
            response = api(method, path, token=None, headers=headers)
            assert response.status_code == 401, (method, path, headers, response.text)
            assert response.mimetype == "application/problem+json"
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
        stranger = api(method, path, token=signer.token("eve@example.net"))
        assert stranger.status_code == 403
    assert fingerprint(api) == before


def test_a_viewer_reads_everything_and_changes_nothing(api: Api) -> None:
    api.plane.register("a")
    before = fingerprint(api)
    for method, path in every_route(api.app):
        response = api(method, path, token=VIEWER)
        assert (response.status_code == 403) == (method != "GET"), (method, path)
    assert fingerprint(api) == before


def fingerprint(api: Api) -> Any:
    return api.plane.run(
        "SELECT (SELECT count(*) FROM refresh.refresh_run) AS runs,"
        " (SELECT count(*) FROM refresh.refresh_outbox) AS owed,"
        " (SELECT max(audit_id) FROM refresh.refresh_audit_log) AS audited,"
        " (SELECT count(*) FROM refresh.webhook_endpoint) AS hooks"
    )


def test_without_any_proof_configured_nobody_is_let_in(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "proofs", tuple)
    assert api("GET", "/api/refresh/status").status_code == 401


def test_what_a_browser_vouches_for_must_come_from_our_own_page(
    api: Api, server: KeyServer, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.plane.register("a")
    proxy = IapAssertions(audience=IAP_AUDIENCE, roles=ROLES, keys=Keys(server))
    monkeypatch.setattr(wiring, "proofs", lambda: (proxy,))
    assertion = {IAP_HEADER: signer.token(iss="https://cloud.google.com/iap", aud=IAP_AUDIENCE)}

    def ask(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return api("POST", "/api/refresh/trigger", token=None, json={}, headers=assertion | named).status_code

    assert ask() == 403
    assert ask(Sec_Fetch_Site="cross-site") == 403
    assert ask(Sec_Fetch_Site="same-site", Origin="http://localhost") == 403
    assert ask(Origin="https://evil.example.com") == 403
    assert api("GET", "/api/refresh/status", token=None, headers=assertion).status_code == 200
    assert ask(Origin="http://localhost") == 202


def test_tokens_are_never_shown(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    for token in (OPERATOR, VIEWER, "a-wrong-token-of-somebody"):
        text = api("POST", "/api/refresh/trigger", token=token, json={"tables": [1]}).text
        assert token not in text
    out, err = capfd.readouterr()
    assert all(token not in out + err for token in (OPERATOR, VIEWER, "a-wrong-token-of-somebody"))
    assert OPERATOR not in repr(wiring.settings())


def test_a_caller_gone_wild_is_slowed_down_alone(api: Api) -> None:
    moments = iter([0.0] * 6 + [0.6] * 3)
    bucket = Bucket(rate=2.0, burst=2, now=lambda: next(moments))
    assert [bucket.take("a") for _ in range(3)] == [0.0, 0.0, 0.5]
    assert bucket.take("b") == 0.0
    app = create_app(bucket=Bucket(rate=0.001, burst=1))
    client = app.test_client()
    assert client.get("/api/refresh/status", headers=bearer(OPERATOR)).status_code == 200
    limited = client.get("/api/refresh/status", headers=bearer(OPERATOR))
    assert (limited.status_code, limited.mimetype) == (429, "application/problem+json")
    assert int(limited.headers["Retry-After"]) > 0
    assert client.get("/api/refresh/status", headers=bearer(VIEWER)).status_code == 200
