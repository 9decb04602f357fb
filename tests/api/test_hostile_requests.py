"""Requests that mean no good: each is answered with a problem, and nothing happens."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from functions.api.access import Bucket
from functions.api.app import create_app
from shared import wiring
from shared.adapters.identity import GoogleTokens, Keys, Roles
from tests.api.conftest import OPERATOR, VIEWER, Api
from tests.api.test_identity import bearer, every_route
from tests.support.tokens import AUDIENCE, KeyServer, Signer

RIGHT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}


def every_path(api: Api) -> list[tuple[str, str]]:
    """Methods and paths of the API and of the page."""
    values: dict[str, Any] = {"run_id": str(uuid4()), "table": "public.a", "dead_letter_id": 1, "what": "disable"}
    adapter = api.app.url_map.bind("localhost")
    pages = [rule for rule in api.app.url_map.iter_rules() if rule.endpoint.startswith("pages.")]
    found = list(every_route(api.app))
    for rule in pages:
        given = {name: values.get(name, str(uuid4())) for name in rule.arguments}
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            found.append((method, adapter.build(rule.endpoint, given, method=method)))
    return found


def test_every_answer_has_the_headers_that_keep_browsers_safe(api: Api) -> None:
    api.plane.register("a")
    paths = every_path(api)
    assert len(paths) > 60
    for method, path in paths:
        for token in (None, VIEWER):
            headers = api(method, path, token=token, headers={"Accept": "text/html"}).headers
            assert {name: headers[name] for name in RIGHT} == RIGHT, (method, path)
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy, path
            assert "frame-ancestors 'none'" in policy, path
            assert "unsafe" not in policy, path
            assert headers["Cache-Control"] == "no-store", (method, path)
            assert not [name for name, _ in headers if name.startswith("Access-Control")], path


@pytest.mark.parametrize(
    "path", ["/api/refresh//status", "//api/refresh/status", "/runs//", "//evil.example.com/", "/\\evil.example.com"]
)
@pytest.mark.parametrize("host", ["localhost", "evil.example.com", 'evil"><x>'])
def test_no_path_leads_elsewhere(api: Api, path: str, host: str) -> None:
    headers = {"Host": host, "Accept": "text/html"}
    response = api("GET", "/", headers=headers, environ_overrides={"PATH_INFO": path})
    assert response.headers.get("Location") is None
    assert response.status_code in (200, 404)
    assert "<x>" not in response.text


@pytest.mark.parametrize(
    "name", ["..%2f..%2fpage.py", "%2e%2e/%2e%2e/access.py", "page.css%00", "/etc/passwd", "THIRD-PARTY.md"]
)
def test_assets_are_those_of_the_page_alone(api: Api, name: str) -> None:
    digest = api("GET", "/sign-in", token=None).text.partition("/assets/")[2].partition("/")[0]
    assert api("GET", f"/assets/{digest}/{name}").status_code == 404


class TestLimits:
    """Whoever is turned away is limited by where they come from; a header cannot say where that is."""

    @pytest.fixture
    def signer(self) -> Signer:
        return Signer()

    @pytest.fixture
    def client(self, api: Api, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Any:
        roles = Roles(viewers=frozenset({"ann@example.com"}))
        keys = Keys(KeyServer({signer.key_id: signer.certificate}))
        google = GoogleTokens(audience=AUDIENCE, roles=roles, keys=keys)
        monkeypatch.setattr(wiring, "proofs", lambda: (google,))
        return create_app(bucket=Bucket(rate=0.001, burst=2)).test_client()

    @pytest.mark.parametrize("who", ["nobody", "a stranger"])
    def test_who_is_turned_away(self, client: Any, signer: Signer, who: str) -> None:
        token = {} if who == "nobody" else bearer(signer.token("eve@example.net"))
        answers = [
            client.get("/api/refresh/status", headers=token | {"X-Forwarded-For": f"192.0.2.{number}"}).status_code
            for number in range(4)
        ]
        assert answers == [401 if who == "nobody" else 403] * 2 + [429] * 2
        assert client.get("/api/refresh/status", headers=bearer(signer.token())).status_code == 200

    def test_however_an_address_is_written_it_is_one_caller(self, client: Any, signer: Signer) -> None:
        written = ["ann@example.com", "Ann@example.com", "ANN@EXAMPLE.COM"]
        answers = [client.get("/api/refresh/status", headers=bearer(signer.token(one))).status_code for one in written]
        assert answers == [200, 200, 429]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"tables":' + b"[" * 50_000,
        b'{"tables":["\\ud800.a"]}',
        b'{"tables":["public.a\\u0000"]}',
        b'{"force":1e400}',
        b'{"force":' + b"9" * 5000 + b"}",
        b'{"force":NaN}',
        b'\xff\xfe{"force":true}',
        b"null",
        b"[]",
        b'{"force":true}{"force":true}',
    ],
    ids=lambda body: str(body[:24]),
)
def test_a_body_that_is_made_to_break_things_is_refused(api: Api, body: bytes) -> None:
    api.plane.register("a")
    response = api("POST", "/api/refresh/trigger", data=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.mimetype) == (422, "application/problem+json"), response.text
    assert api.plane.run("SELECT FROM refresh.refresh_run") == []


@pytest.mark.parametrize("key", ["a\tb", "a b", "k\xe9y", "x" * 201, "a\x00b"])
def test_a_key_that_could_split_an_answer_is_refused(api: Api, key: str) -> None:
    api.plane.register("a")
    environ = {"HTTP_IDEMPOTENCY_KEY": key}
    response = api("POST", "/api/refresh/trigger", json={}, environ_overrides=environ)
    assert response.status_code == 422
    assert api.plane.run("SELECT FROM refresh.refresh_run") == []


@pytest.mark.parametrize(
    "cookie", ["refresh-session=\xff\xfe", 'refresh-session="\\000\\377\\012"', "refresh-session=a; refresh-session=b"]
)
def test_a_cookie_that_is_none_of_ours_signs_nobody_in(api: Api, cookie: str) -> None:
    client = api.app.test_client(use_cookies=False)
    response = client.get("/", headers={"Cookie": cookie, "Accept": "text/html"})
    assert response.status_code == 401


def test_methods_cannot_be_disguised(api: Api) -> None:
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert api("POST", "/api/refresh/status", token=VIEWER, headers={name: "GET"}).status_code == 403
        assert api("GET", "/api/refresh/trigger", token=OPERATOR, headers={name: "POST"}).status_code == 405
    assert api("POST", "/api/refresh/trigger?_method=GET", token=VIEWER, json={}).status_code == 403
