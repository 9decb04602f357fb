"""Every page, wide and narrow, light and dark: axe finds nothing serious, and nothing sticks out of the window."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api
from tests.api.test_backfills import RANGE, days
from tests.api.test_dead_letters import letter
from tests.api.test_status import refreshed
from tests.api.test_webhooks import Hooks, hooks
from tests.web.conftest import Visit

__all__ = ["days", "hooks"]


def pages(api: Api, hooks: Hooks) -> list[str]:
    """The path of every page, each with something to show."""
    api.plane.register("a", "b", "c", "a_table_with_a_name_that_is_as_long_as_names_of_tables_can_be")
    api.plane.depend("b", "a")
    refreshed(api, "a", hours_ago=1, status="failed")
    refreshed(api, "b", hours_ago=1, status="held")
    refreshed(api, "c", hours_ago=40)
    letter(api)
    run_id = api.get("/api/refresh/runs")["items"][-1]["run_id"]
    open_run = api.trigger("a_table_with_a_name_that_is_as_long_as_names_of_tables_can_be").get_json()["run_id"]
    api.plane.deliver_owed()
    backfill = api.trigger("days", backfill=RANGE).get_json()["backfills"][0]
    hook = hooks.create(description="On call")["endpoint_id"]
    hooks("POST", f"/{hook}/test", expect=202)
    return [
        "/",
        "/?show=failed",
        "/trigger",
        "/trigger?table=public.a",
        "/runs",
        f"/runs/{run_id}",
        f"/runs/{run_id}/replay",
        f"/runs/{open_run}",
        "/tables/public.a",
        "/tables/public.b",
        "/tables/public.a/configuration",
        "/tables/public.b/release",
        "/tables/public.b/refuse",
        "/tables/public.b/shadow",
        "/tables/public.b/promote",
        "/tables/public.b/demote",
        f"/runs/{run_id}/rollback",
        "/costs",
        "/backfills",
        "/backfills/new?table=public.days",
        f"/backfills/{backfill}",
        f"/backfills/{backfill}/cancel",
        "/webhooks",
        "/webhooks/new",
        f"/webhooks/{hook}",
        f"/webhooks/{hook}/rotate",
        f"/webhooks/{hook}/delete",
        "/quarantine",
        "/quarantine?table=public.a&state=open",
        "/audit",
        "/dead-letters",
        "/sign-in",
    ]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
@pytest.mark.usefixtures("days")
def test_every_page(api: Api, hooks: Hooks, visit: Visit, width: int, scheme: str) -> None:
    visitor = visit(width=width, scheme=scheme)
    for path in pages(api, hooks):
        visitor.open(path)
        visitor.check_accessible()


@pytest.mark.usefixtures("days")
def test_every_page_is_among_them(api: Api, hooks: Hooks) -> None:
    """A page that is added is looked at too."""
    adapter = api.app.url_map.bind("localhost")
    looked_at = {adapter.match(path.partition("?")[0], "GET")[0] for path in pages(api, hooks)}
    there = {
        rule.endpoint
        for rule in api.app.url_map.iter_rules()
        if rule.endpoint.startswith("pages.") and "GET" in (rule.methods or ())
    }
    assert there - looked_at == {"pages.assets.asset", "pages.sign_in.once"}


def test_a_refused_form_too(api: Api, visit: Visit) -> None:
    visitor = visit(width=390, token=None)
    visitor.page.goto("/")
    visitor.page.get_by_label("Token").fill("wrong")
    visitor.page.keyboard.press("Enter")
    visitor.page.get_by_role("alert").first.wait_for()
    visitor.check_accessible()
