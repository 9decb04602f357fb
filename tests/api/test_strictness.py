"""What other clients than ours send: read by the letter, and answered by the letter of HTTP's standards."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import functions_framework
import pytest

from functions.api import main
from functions.api.access import Bucket
from functions.api.app import create_app
from tests.api.conftest import OPERATOR, VIEWER, Api

TRIGGER = "/api/refresh/trigger"
CONFIG = "/api/refresh/config"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/refresh/status?nonsense=1"),
        ("GET", "/api/refresh/health?nonsense=1"),
        ("GET", "/api/refresh/webhooks?page=1"),
        ("GET", "/api/refresh/openapi.json?nonsense=1"),
        ("GET", "/metrics?nonsense=1"),
        ("POST", f"{TRIGGER}?tables=public.a"),
    ],
)
def test_a_parameter_that_a_call_does_not_know_is_an_error(api: Api, method: str, path: str) -> None:
    response = api(method, path)
    assert response.status_code == 422
    (wrong,) = response.get_json()["errors"]
    assert wrong == {"field": path.partition("?")[2].partition("=")[0], "problem": "this call takes no such parameter"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"tables": ["a.b"], "tables": ["c.d"]}', '"tables" twice'),
        (b'{"backfill": {"from": "2025-01-01", "from": "2025-01-02"}}', '"from" twice'),
        (b'{"force": 1e400}', "too large"),
        (b'{"force": -1e400}', "too large"),
        (b'{"force": NaN}', "not of JSON"),
        (b'{"tables": ["a.\xff"]}', "is no JSON"),
        (b"[" * 100_000, "too deeply"),
    ],
)
def test_what_two_readers_could_read_differently_is_no_body(api: Api, body: bytes, problem: str) -> None:
    response = api("POST", TRIGGER, data=body, headers=JSON)
    assert response.status_code == 422
    assert problem in response.get_json()["errors"][0]["problem"]


def test_other_media_types_and_codings_are_refused_with_those_that_are_taken(api: Api) -> None:
    other = api("POST", TRIGGER, data=b"{}", headers={"Content-Type": "application/merge-patch+json"})
    assert (other.status_code, other.headers["Accept"]) == (415, "application/json")
    packed = api("POST", TRIGGER, data=gzip.compress(b"{}"), headers=JSON | {"Content-Encoding": "gzip"})
    assert (packed.status_code, packed.headers["Accept-Encoding"]) == (415, "identity")
    plain = {"Content-Type": "application/json; charset=utf-8", "Content-Encoding": "identity"}
    assert api("POST", TRIGGER, data=b'{"tables": ["a.b"]}', headers=plain).status_code == 404


def test_a_problem_names_what_was_asked_for(api: Api) -> None:
    problem = api("GET", f"{CONFIG}/public.%22%C3%A4%20b").get_json()
    assert problem["instance"] == f"{CONFIG}/public.%22%C3%A4%20b"
    assert problem["type"].startswith("urn:refresh:problem:")
    (wrong,) = api("GET", "/api/refresh/history?from=yesterday").get_json()["errors"]
    assert wrong == {"field": "from", "problem": "must be a time with its zone, such as 2026-01-31T06:00:00Z"}


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, 'Bearer realm="refresh"'),
        ({"Authorization": "Basic YTpi"}, 'Bearer realm="refresh"'),
        ({"Authorization": "Bearer wrong"}, 'Bearer realm="refresh", error="invalid_token"'),
    ],
)
def test_a_challenge_says_what_is_wrong_with_the_token(api: Api, headers: dict[str, str], challenge: str) -> None:
    response = api("GET", "/api/refresh/status", token=None, headers=headers)
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, challenge)


def test_a_viewer_who_acts_is_told_that_the_token_does_not_reach(api: Api) -> None:
    response = api("POST", TRIGGER, json={}, token=VIEWER)
    assert response.status_code == 403
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="refresh", error="insufficient_scope"'


def test_options_names_the_methods(api: Api) -> None:
    response = api("OPTIONS", CONFIG)
    assert (response.status_code, response.data) == (200, b"")
    assert {"GET", "PUT", "POST"} < set(response.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", ["/api/refresh/config/public.a%0Ab", "/api/refresh//status", "/robots.txt"])
def test_paths_without_a_route_are_answered_as_all_others(api: Api, path: str) -> None:
    """Some of them already have none in the framework around the application."""
    main.application.cache_clear()
    framework = functions_framework.create_app("api", str(Path(main.__file__)))  # type: ignore[no-untyped-call]
    response = framework.test_client().get(path, headers={"Authorization": f"Bearer {OPERATOR}"})
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    main.application.cache_clear()


def test_who_is_too_quick_is_told_to_wait_long_enough(api: Api) -> None:
    client = create_app(bucket=Bucket(rate=0.4, burst=1)).test_client()
    answers = [client.get(CONFIG, headers={"Authorization": f"Bearer {OPERATOR}"}) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 429]
    assert answers[1].headers["Retry-After"] == "3"


def change(api: Api, if_match: str, priority: int = 7) -> Any:
    return api("PUT", f"{CONFIG}/public.a", json={"priority": priority}, headers={"If-Match": if_match})


def test_if_match_is_read_as_a_list_of_strong_tags(api: Api) -> None:
    api.plane.register("a")
    for refused in ('"7"', 'W/"1"', '"7", W/"1"', "", "nonsense", '"01"'):
        lost = change(api, refused)
        assert (lost.status_code, lost.headers["ETag"]) == (412, '"1"'), refused
        assert lost.get_json()["type"] == "urn:refresh:problem:version_lost"
    assert change(api, '"7", "1"').headers["ETag"] == '"2"'
    assert change(api, "2", priority=8).headers["ETag"] == '"3"'
    assert change(api, "*", priority=9).headers["ETag"] == '"4"'


def test_what_is_known_already_is_not_sent_again(api: Api) -> None:
    api.plane.register("a")
    for path in (CONFIG, f"{CONFIG}/public.a"):
        tag = api("GET", path).headers["ETag"]
        for known in (tag, f"W/{tag}", f'"0", {tag}', "*"):
            again = api("GET", path, headers={"If-None-Match": known})
            assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
        assert api("GET", path, headers={"If-None-Match": '"0"'}).status_code == 200


def test_a_change_of_several_tables_that_lost_its_race_changes_none(api: Api) -> None:
    api.plane.register("a", "b")
    tag = api("GET", CONFIG).headers["ETag"]
    body = {"tables": {"public.a": {"priority": 7}, "public.b": {"priority": 7}}}
    assert change(api, "*", priority=8).status_code == 200
    lost = api("PUT", CONFIG, json=body, headers={"If-Match": tag})
    now = api("GET", CONFIG)
    assert (lost.status_code, lost.headers["ETag"]) == (412, now.headers["ETag"])
    assert [one["priority"] for one in now.get_json()["items"]] == [8, 100]
    assert api("PUT", CONFIG, json=body, headers={"If-Match": now.headers["ETag"]}).status_code == 200


def test_what_is_made_has_a_place(api: Api) -> None:
    api.plane.run('CREATE MATERIALIZED VIEW public."made here" AS SELECT 1 AS id')
    api.plane.run('CREATE UNIQUE INDEX ON public."made here" (id)')
    made = api("POST", CONFIG, json={"table": "public.made here", "handler": "summaries"})
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == f"{CONFIG}/public.made%20here"
    assert api.get(made.headers["Location"])["table"] == "public.made here"


def test_pages_lead_to_each_other(api: Api) -> None:
    api.plane.register("a", "b", "c", "d", "e")
    first = api("GET", f"{CONFIG}?page_size=2")
    assert "prev" not in first.headers["Link"]
    found, link = [], f"{CONFIG}?page_size=2"
    while link:
        page = api("GET", link)
        found += [one["table"] for one in page.get_json()["items"]]
        link = links(page).get("next", "")
    assert found == [f"public.{name}" for name in "abcde"]
    assert links(page) == {
        "first": f"{CONFIG}?page_size=2&page=1",
        "prev": f"{CONFIG}?page_size=2&page=2",
        "last": f"{CONFIG}?page_size=2&page=3",
    }
    beyond = links(api("GET", f"{CONFIG}?page_size=2&page=9"))
    assert (beyond["prev"], "next" in beyond) == (f"{CONFIG}?page_size=2&page=3", False)


def test_lists_with_a_cursor_lead_on(api: Api) -> None:
    api.plane.register("a")
    assert [change(api, "*", priority=priority).status_code for priority in (1, 2, 3)] == [200, 200, 200]
    whole = [one["audit_id"] for one in api.get("/api/refresh/audit?event=config_changed")["items"]]
    found, link = [], "/api/refresh/audit?event=config_changed&limit=1"
    while link:
        page = api("GET", link)
        found += [one["audit_id"] for one in page.get_json()["items"]]
        link = links(page).get("next", "")
    assert found == whole
    assert len(found) == 3


def links(response: Any) -> dict[str, str]:
    """Address by relation."""
    parts = [one.split(">; rel=") for one in response.headers.get("Link", "").split(", ") if one]
    return {name.strip('"'): address.strip("<") for address, name in parts}
