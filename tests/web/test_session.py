"""Signing in and out, and what other sites cannot do with a browser that is signed in."""

from __future__ import annotations

import hmac
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.api.conftest import OPERATOR, VIEWER, Api, forget
from tests.api.test_holds import run_id as held_run
from tests.api.test_webhooks import Hooks, hooks
from tests.web.conftest import Visit

__all__ = ["held_run", "hooks"]

SAME = {"Sec-Fetch-Site": "same-origin"}


def test_without_a_session_every_page_is_the_form_and_leads_on(api: Api, visit: Visit) -> None:
    page = visit(token=None).page
    answer = page.goto("/runs?status=failed")
    assert answer is not None
    assert answer.status == 401
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").first).to_contain_text("not known here")
    page.get_by_label("Token").fill(VIEWER)
    page.keyboard.press("Enter")
    expect(page).to_have_url("/runs?status=failed")


def test_the_session_is_out_of_reach_and_ends(api: Api, visit: Visit) -> None:
    page = visit().page
    (session,) = [one for one in page.context.cookies() if one["name"] == "refresh-session"]
    assert (session["httpOnly"], session["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    answer = page.goto("/")
    assert answer is not None
    assert answer.status == 401


def test_a_session_that_has_ended_says_so_and_leads_back(api: Api, visit: Visit) -> None:
    page = visit().open("/audit?event=run_created")
    page.context.add_cookies([{"name": "refresh-session", "value": "no-longer-known", "url": page.url}])
    page.reload()
    expect(page.get_by_text("Your session has ended. Sign in again")).to_be_visible()
    page.get_by_label("Token").fill(OPERATOR)
    page.keyboard.press("Enter")
    expect(page).to_have_url("/audit?event=run_created")


def test_a_form_that_was_sent_without_a_session_leads_to_a_page_that_is_there(api: Api) -> None:
    answer = api("POST", "/dead-letters/1/send", token=None, headers=SAME, data=tokens(api))
    assert answer.status_code == 401
    assert 'name="go_on_to" value="/"' in answer.text


def test_over_https_cookies_are_for_https_alone(api: Api) -> None:
    response = api("GET", "/sign-in", token=None, headers={"X-Forwarded-Proto": "https"})
    (cookie,) = response.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-refresh-form=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))


def test_a_bad_form_of_the_path_to_go_on_to_leads_nowhere_else(api: Api) -> None:
    for path in ("https://evil.example.com/", "//evil.example.com", "/\\evil.example.com", "/a\nb", "javascript:1"):
        response = sign_in(api, go_on_to=path)
        assert (response.status_code, response.headers["Location"]) == (303, "/")


def sign_in(api: Api, *, token: str = OPERATOR, headers: dict[str, str] = SAME, **fields: str) -> Any:
    api("GET", "/sign-in", token=None)
    return api("POST", "/sign-in", token=None, headers=headers, data={"token": token, **tokens(api), **fields})


def tokens(api: Api, path: str = "/sign-in") -> dict[str, str]:
    """The form's token on a page, as a browser would send it."""
    text = api("GET", path, token=None).text
    return {"form_token": text.partition('name="form_token" value="')[2].partition('"')[0]}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_a_form_of_another_site_is_refused(api: Api, headers: dict[str, str]) -> None:
    api.plane.register("a")
    assert sign_in(api, headers=headers).status_code == 403
    assert sign_in(api).status_code == 303
    form = tokens(api, "/trigger") | {"which": "all"}
    assert api("POST", "/trigger", token=None, headers=headers, data=form).status_code == 403
    assert api("POST", "/sign-out", token=None, headers=headers, data=form).status_code == 403
    assert api.plane.run("SELECT FROM refresh.refresh_run") == []
    assert api("POST", "/trigger", token=None, headers=SAME, data=form).status_code == 303


def test_a_form_without_the_pages_own_token_is_refused(api: Api) -> None:
    api.plane.register("a")
    sign_in(api)
    as_operator = tokens(api, "/trigger")
    for form in ({}, {"form_token": ""}, {"form_token": "0" * 64}):
        refused = api("POST", "/trigger", token=None, headers=SAME, data=form | {"which": "all"})
        assert (refused.status_code, refused.mimetype) == (403, "text/html")
    sign_in(api, token=VIEWER)
    response = api("POST", "/sign-out", token=None, headers=SAME, data=as_operator)
    assert response.status_code == 403, "a token is for one caller"
    assert api.plane.run("SELECT FROM refresh.refresh_run") == []


def test_a_form_from_before_signing_in_or_out_is_none_any_more(api: Api) -> None:
    """Whoever knew a form, or planted the cookie that forms are made with, knows none of the session's."""
    api.plane.register("a")
    api("GET", "/sign-in", token=None)
    planted = "a-nonce-that-somebody-else-knows"
    api.client.set_cookie("refresh-form", planted)
    form = tokens(api)
    assert api("POST", "/sign-in", token=None, headers=SAME, data={"token": OPERATOR, **form}).status_code == 303
    known = {"form_token": hmac.digest(planted.encode(), b"local:operator", "sha256").hex(), "which": "all"}
    assert api("POST", "/trigger", token=None, headers=SAME, data=known).status_code == 403
    before = tokens(api, "/trigger")
    assert api("POST", "/sign-out", token=None, headers=SAME, data=before).status_code == 303
    sign_in(api)
    assert api("POST", "/trigger", token=None, headers=SAME, data=before | {"which": "all"}).status_code == 403
    assert api.plane.run("SELECT FROM refresh.refresh_run") == []


def test_over_https_every_cookie_is_for_this_host_alone(api: Api) -> None:
    """Also those that sign in and out; a cookie that a neighbour could have set is none."""
    https = SAME | {"X-Forwarded-Proto": "https"}
    client = api.app.test_client(use_cookies=False)
    text = client.get("/sign-in", headers=https)
    nonce = text.headers["Set-Cookie"].partition(";")[0]
    form = text.text.partition('name="form_token" value="')[2].partition('"')[0]
    answer = client.post(
        "/sign-in", headers=https | {"Cookie": nonce}, data={"token": OPERATOR, "form_token": form, "go_on_to": "/"}
    )
    cookies = answer.headers.getlist("Set-Cookie")
    assert [one.partition("=")[0] for one in cookies] == ["__Host-refresh-session", "__Host-refresh-form"]
    for one in cookies:
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(one.split("; "))
        assert "Domain" not in one
    planted = {"Cookie": f"refresh-session={OPERATOR}", "Accept": "text/html"}
    assert client.get("/", headers=https | planted).status_code == 401


def test_the_session_opens_pages_and_not_the_api(api: Api) -> None:
    sign_in(api)
    assert api("GET", "/", token=None).status_code == 200
    assert api("GET", "/api/refresh/status", token=None).status_code == 401
    assert api("POST", "/api/refresh/trigger", token=None, headers=SAME, json={}).status_code == 401


def test_a_viewer_cannot_act_by_any_form(api: Api) -> None:
    api.plane.register("a")
    sign_in(api, token=VIEWER)
    form = tokens(api, "/") | {"which": "all"}
    forms = [
        rule
        for rule in api.app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.rule.startswith(("/api/", "/sign-"))
    ]
    assert len(forms) >= 2
    adapter = api.app.url_map.bind("localhost")
    values: dict[str, Any] = {"table": "public.a", "dead_letter_id": 1, "what": "disable"}
    for rule in forms:
        given = {name: values.get(name, "7e0c2d1a-0000-4000-8000-000000000000") for name in rule.arguments}
        path = adapter.build(rule.endpoint, given, method="POST")
        assert api("POST", path, token=None, headers=SAME, data=form).status_code == 403, path


_PATHS_TO_ACT = (
    "/trigger?tables=public.a",
    "/tables/new",
    "/tables/public.a",
    *(
        f"/tables/public.a/{what}"
        for what in ("configuration", "release", "refuse", "plan", "verify", "promote", "demote", "shadow")
    ),
    "/runs/{run}",
    "/runs/{run}/replay",
    "/runs/{run}/rollback",
    "/backfills/new?table=public.a",
    "/webhooks",
    "/webhooks/new",
    "/webhooks/{hook}",
    *(f"/webhooks/{{hook}}/{what}" for what in ("enable", "disable", "rotate", "delete")),
    "/dead-letters",
    "/quarantine?table=public.a",
)
_FORM = re.compile(r'<form[^>]*method="post"[^>]*>.*?</form>', re.DOTALL)


@pytest.mark.parametrize("path", _PATHS_TO_ACT)
def test_a_viewer_is_offered_no_action(api: Api, held_run: str, hooks: Hooks, path: str) -> None:
    made = hooks.create()
    sign_in(api, token=VIEWER)
    answer = api("GET", path.format(run=held_run, hook=made["endpoint_id"]), token=None)
    assert answer.status_code == 200, path
    acting = [form for form in _FORM.findall(answer.text) if 'action="/sign-out"' not in form and "<button" in form]
    assert acting == []


def test_a_link_signs_in_once(api: Api, visit: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sign-in"
    file.write_text("the-code")
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setenv("REFRESH_SIGN_IN_FILE", str(file))
    forget()
    assert api("GET", "/sign-in/another-code", token=None).status_code == 401
    assert api("HEAD", "/sign-in/the-code", token=None).status_code == 401
    page = visit(token=None).open("/sign-in/the-code")
    expect(page).to_have_url("/")
    expect(page.get_by_text("local:operator")).to_be_visible()
    assert api("GET", "/sign-in/the-code", token=None).status_code == 401
