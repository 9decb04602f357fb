"""Who may call what: every wrong kind of token on every route, and nothing happens."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from functions.api.access import Bucket
from functions.api.app import create_app
from shared import wiring
from shared.adapters.identity import IAP_HEADER, GoogleTokens, IapAssertions, Keys, PushTokens, Roles
from shared.adapters.secretbox import new_key
from shared.config import read_settings
from shared.domain.errors import ConfigurationError, RetryLater
from shared.domain.identity import NotIdentified, NotPermitted, Role
from tests.api.conftest import OPERATOR, VIEWER, Api, forget
from tests.support.tokens import AUDIENCE, IAP_AUDIENCE, Answered, EllipticSigner, KeyServer, Signer

IAP_ISSUER = "https://cloud.google.com/iap"
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


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def with_header(token: str, **changes: Any) -> str:
    """The same claims and signature under another header; None: without that."""
    head, claims, signature = token.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "==")) | changes
    kept = {name: value for name, value in header.items() if value is not None}
    return f"{encoded(json.dumps(kept).encode())}.{claims}.{signature}"


def signed_by_password(token: str, password: str) -> str:
    signed = with_header(token, alg="HS256").rpartition(".")[0]
    return f"{signed}.{encoded(hmac.digest(password.encode(), signed.encode(), 'sha256'))}"


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
        "not valid yet": signer.token(nbf=int(time.time()) + 600),
        "no e-mail": signer.token(None),
        "no word on the e-mail": signer.token(email_verified=None),
        "the e-mail's word is a text": signer.token(email_verified="true"),
        "an e-mail that only looks like another": signer.token("an\N{LATIN SMALL LETTER N WITH CARON}@example.com"),
        "an e-mail with the sign for Kelvin": signer.token("\N{KELVIN SIGN}im@example.com"),
        "unverified e-mail": signer.token(email_verified=False),
        "another key": Signer().token(),
        "an unknown key": Signer("key-2").token(),
        "tampered": tampered(right),
        "unsigned": with_header(right, alg="none").rpartition(".")[0] + ".",
        "unsigned, with the signature": with_header(right, alg="none"),
        "no algorithm": with_header(right, alg=None),
        "a list for a key": with_header(right, kid=["key-1"]),
        "signed with the public key as a password": signed_by_password(right, signer.certificate),
        "another class of key": with_header(right, alg="ES256"),
        "an array of audiences": signer.token(aud=[AUDIENCE, "https://elsewhere.example.com"]),
        "times as texts": signer.token(iat="0", exp="9999999999"),
        "no end": signer.token(exp=None),
        "what the platform leaves of a token": f"{right.rpartition('.')[0]}.SIGNATURE_REMOVED_BY_GOOGLE",
        "cut off": right[:-10],
        "four parts": f"{right}.x",
        "very long": signer.token(hd="x" * 6000).replace(".", "..", 1),
        "deep": ".".join([encoded(b"[" * 3000), encoded(b"{" * 3000), "x"]),
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
    found = google.identify(bearer(signer.token("Bob@Example.org", hd="example.org")))
    assert found is not None
    assert (found.subject, found.role) == ("bob@example.org", Role.VIEWER), "however it is written, it is one caller"
    with pytest.raises(NotPermitted, match=r"eve@example\.net"):
        google.identify(bearer(signer.token("eve@example.net")))
    assert google.identify({}) is None
    with pytest.raises(NotIdentified):
        google.identify({"Authorization": "Basic YTpi"})


def test_a_domain_stands_for_the_accounts_that_google_hosts_there(signer: Signer, server: KeyServer) -> None:
    """Anybody can make an account with an address of theirs, and keeps it when the address is another's."""
    domains = frozenset({"@example.org", "@p.iam.gserviceaccount.com", "@gmail.com"})
    google = GoogleTokens(audience=AUDIENCE, roles=Roles(viewers=domains), keys=Keys(server))
    with pytest.raises(NotPermitted, match="accounts that Google hosts"):
        google.identify(bearer(signer.token("left@example.org")))
    for email, domain in (
        ("ann@example.org", "example.com"),
        ("robot@p.iam.gserviceaccount.com", None),
        ("ann@gmail.com", None),
    ):
        found = google.identify(bearer(signer.token(email, hd=domain)))
        assert found is not None
        assert found.role is Role.VIEWER


@pytest.mark.parametrize(("age", "holds"), [(3600 + 25, True), (3600 + 60, False), (-25, True), (-60, False)])
def test_clocks_may_differ_by_half_a_minute(google: GoogleTokens, signer: Signer, age: float, holds: bool) -> None:
    assert refuses(google, signer.token(age=age)) is not holds


class TestKeys:
    """What tokens are checked with is fetched seldom, and never by whoever sends what is no token."""

    @pytest.fixture
    def time(self) -> list[float]:
        return [1000.0]

    @pytest.fixture
    def google(self, server: KeyServer, time: list[float]) -> GoogleTokens:
        return GoogleTokens(audience=AUDIENCE, roles=ROLES, keys=Keys(server, now=lambda: time[0]))

    def test_they_are_kept_and_fetched_again_when_the_signer_has_new_ones(
        self, google: GoogleTokens, server: KeyServer, signer: Signer, time: list[float]
    ) -> None:
        for _ in range(5):
            google.identify(bearer(signer.token()))
        assert len(server.asked) == 1
        new = Signer("key-2")
        server.certificates = {"key-2": new.certificate}
        assert refuses(google, new.token())
        assert len(server.asked) == 1
        time[0] += 61
        assert google.identify(bearer(new.token())) is not None
        assert refuses(google, signer.token()), "the old key is gone"
        assert len(server.asked) == 2

    def test_without_any_nobody_is_let_in_or_turned_away_and_google_is_left_alone(
        self, google: GoogleTokens, server: KeyServer, signer: Signer, time: list[float]
    ) -> None:
        server.answer("down")
        for _ in range(5):
            with pytest.raises(RetryLater):
                google.identify(bearer(signer.token()))
        assert len(server.asked) == 1
        server.answer("keys")
        time[0] += 6
        assert google.identify(bearer(signer.token())) is not None

    @pytest.mark.parametrize("answer", ["down", "lost", "no keys"])
    def test_nobody_takes_the_good_ones_away_while_google_is_out_of_reach(
        self, google: GoogleTokens, server: KeyServer, signer: Signer, time: list[float], answer: str
    ) -> None:
        google.identify(bearer(signer.token()))
        server.answer(answer)
        for _ in range(5):
            time[0] += 61
            assert refuses(google, "a.b.c")
            assert google.identify(bearer(signer.token())) is not None
        time[0] += 5 * 3600
        assert google.identify(bearer(signer.token())) is not None
        time[0] += 24 * 3600
        with pytest.raises(RetryLater):
            google.identify(bearer(signer.token()))

    def test_a_slow_answer_is_waited_for_by_one_caller_alone(
        self, server: KeyServer, signer: Signer, time: list[float]
    ) -> None:
        slow, come, go = server.__call__, threading.Event(), threading.Event()

        def fetch(url: str, **given: Any) -> Answered:
            if time[0] > 1000:
                come.set()
                assert go.wait(30)
            return slow(url, **given)

        google = GoogleTokens(audience=AUDIENCE, roles=ROLES, keys=Keys(fetch, now=lambda: time[0]))
        google.identify(bearer(signer.token()))
        time[0] += 3601
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(google.identify, bearer(signer.token()))
            assert come.wait(30)
            assert google.identify(bearer(signer.token())) is not None
            assert not waiting.done()
            go.set()
            assert waiting.result(timeout=30) is not None


def test_the_proxys_assertion_counts_only_for_its_own_audience(server: KeyServer, signer: Signer) -> None:
    proxy = IapAssertions(audience=IAP_AUDIENCE, roles=ROLES, keys=Keys(server))
    right = signer.token(iss=IAP_ISSUER, aud=IAP_AUDIENCE, email_verified=None)
    found = proxy.identify({IAP_HEADER: right})
    assert found is not None
    assert found.ambient
    assert proxy.identify(bearer(right)) is None
    for wrong in (
        signer.token(aud=IAP_AUDIENCE),
        signer.token(iss=IAP_ISSUER),
        signer.token(iss=IAP_ISSUER, aud="/projects/1/global/backendServices/3"),
        Signer().token(iss=IAP_ISSUER, aud=IAP_AUDIENCE),
        with_header(right, alg="none"),
        "garbage",
        "",
    ):
        with pytest.raises(NotIdentified):
            proxy.identify({IAP_HEADER: wrong})


def test_the_proxys_own_kind_of_key_holds() -> None:
    """It signs with ES256, and publishes keys without a certificate."""
    signer = EllipticSigner()
    proxy = IapAssertions(audience=IAP_AUDIENCE, roles=ROLES, keys=Keys(KeyServer({signer.key_id: signer.public_key})))
    found = proxy.identify({IAP_HEADER: signer.token(iss=IAP_ISSUER, aud=IAP_AUDIENCE, email_verified=None)})
    assert found is not None
    with pytest.raises(NotIdentified):
        proxy.identify({IAP_HEADER: EllipticSigner().token(iss=IAP_ISSUER, aud=IAP_AUDIENCE)})


def test_proofs_that_contradict_each_other(
    api: Api, google: GoogleTokens, server: KeyServer, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy's word does not make up for a bad token; of two proofs that hold, the token counts."""
    proxy = IapAssertions(audience=IAP_AUDIENCE, roles=ROLES, keys=Keys(server))
    monkeypatch.setattr(wiring, "proofs", lambda: (google, proxy))
    operator = {IAP_HEADER: signer.token(iss=IAP_ISSUER, aud=IAP_AUDIENCE)}
    viewer = bearer(signer.token("bob@example.org", hd="example.org"))

    def status(headers: dict[str, str], method: str = "GET", path: str = "/api/refresh/status") -> int:
        same_origin = {"Sec-Fetch-Site": "same-origin"}
        return api(method, path, token=None, headers=headers | same_origin, json={}).status_code

    assert status(operator) == 200
    assert status(operator | bearer(signer.token(age=7200))) == 401
    assert status(operator | {"Authorization": "Basic YTpi"}) == 401
    assert status(operator | bearer(signer.token("eve@example.net"))) == 403
    assert status(operator | viewer, "POST", "/api/refresh/trigger") == 403, "the token's viewer asks"
    assert status({IAP_HEADER: "forged"}) == 401
    assert status({IAP_HEADER: signer.token(iss=IAP_ISSUER, aud=IAP_AUDIENCE, age=7200)}) == 401


def test_pushes_are_taken_from_one_account_alone(server: KeyServer, signer: Signer) -> None:
    accounts = frozenset({"push@p.iam.gserviceaccount.com", "letters@p.iam.gserviceaccount.com"})
    push = PushTokens(audience=AUDIENCE, service_accounts=accounts, keys=Keys(server))
    for account in accounts:
        push.check(bearer(signer.token(account)))
    with pytest.raises(NotPermitted):
        push.check(bearer(signer.token("ann@example.com")))
    with pytest.raises(NotIdentified):
        push.check({})
    for token in wrong_tokens(signer).values():
        with pytest.raises(NotIdentified):
            push.check(bearer(token))


PUSHED = ("orchestrator", "asin", "search_queries", "summaries", "generic", "notifier")


def pushed(function: str, **headers: str) -> tuple[str, int]:
    """What a function answers to a push that has nothing for it."""
    entry = getattr(import_module(f"functions.{function}.main"), function)
    request = Request(EnvironBuilder(method="POST", headers=list(headers.items()), data=b"{}").get_environ())
    answer: tuple[str, int] = entry(request)
    return answer


@pytest.mark.parametrize("function", PUSHED)
def test_functions_that_are_pushed_to_refuse_everybody_else(
    api: Api, server: KeyServer, signer: Signer, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def push(**headers: str) -> int:
        return pushed(function, **headers)[1]

    def expect(keys: KeyServer) -> None:
        accounts = frozenset({"push@example.com"})
        tokens = PushTokens(audience=AUDIENCE, service_accounts=accounts, keys=Keys(keys))
        monkeypatch.setattr(wiring, "push_tokens", lambda: tokens)

    monkeypatch.setenv("WEBHOOK_SECRET_KEY", new_key())
    forget()
    before = fingerprint(api)
    expect(server)
    assert push() == 401
    assert push(Authorization="Basic YTpi") == 401
    assert [push(Authorization=f"Bearer {token}") for token in wrong_tokens(signer).values()] == [401] * len(
        wrong_tokens(signer)
    )
    assert push(Authorization=f"Bearer {signer.token()}") == 403
    assert push(Authorization=f"Bearer {signer.token('push@example.com')}") == 400
    server.answer("down")
    expect(server)
    assert push(Authorization=f"Bearer {signer.token('push@example.com')}") == 503
    assert fingerprint(api) == before


@pytest.mark.parametrize("function", PUSHED)
def test_a_push_without_a_token_is_an_emulators_or_was_checked_by_the_platform(
    api: Api, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET_KEY", new_key())
    forget()
    assert pushed(function)[1] == 401, "nobody has said who may push"
    for name, value in {"PUBSUB_EMULATOR_HOST": "127.0.0.1:1", "K_SERVICE": "refresh-asin"}.items():
        with monkeypatch.context() as there:
            there.setenv(name, value)
            forget()
            assert pushed(function)[1] == 400


def test_push_settings_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@127.0.0.1:1/d")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("PUSH_AUDIENCE", AUDIENCE)
    with pytest.raises(ConfigurationError, match="PUSH_SERVICE_ACCOUNT"):
        read_settings()
    monkeypatch.setenv("PUSH_SERVICE_ACCOUNT", "push")
    with pytest.raises(ConfigurationError, match="PUSH_SERVICE_ACCOUNT"):
        read_settings()
    monkeypatch.setenv("PUSH_SERVICE_ACCOUNT", "push@example.com, letters@example.com")
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
