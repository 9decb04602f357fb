"""Every page, wide and narrow, light and dark: axe finds nothing serious, and nothing sticks out of the window.

So are pages that only a form leads to, what is opened on demand, a refusal, and a run of many tables.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.api.conftest import Api
from tests.api.test_backfills import RANGE, days
from tests.api.test_dead_letters import letter
from tests.api.test_quarantine import put_aside
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
    put_aside(api, api.get("/api/refresh/history?table=public.a")["items"][0]["run_id"], "a", "too_long")
    letter(api)
    say_much(api)
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
        "/tables/new",
        "/tables/public.a",
        "/tables/public.b",
        "/tables/public.c",
        "/tables/public.a/configuration",
        "/tables/public.b/release",
        "/tables/public.b/refuse",
        "/tables/public.a/plan",
        "/tables/public.a/verify",
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
        f"/webhooks/{hook}/disable",
        f"/webhooks/{hook}/delete",
        "/quarantine",
        "/quarantine?table=public.a&state=open",
        "/audit",
        "/audit?event=nothing",
        "/dead-letters",
        "/sign-in",
    ]


def say_much(api: Api) -> None:
    """Errors as long as BigQuery's can be, with a word that no line can hold."""
    error = (
        f"400 Access Denied: jobId: {'demo-refresh:EU.daily_bq_refresh_7e0c2d1a_' * 4} " + "reason: accessDenied, " * 20
    )
    api.plane.run("SET session_replication_role = replica")
    for relation in ("refresh_task", "refresh_last_task"):
        api.plane.run(f"UPDATE refresh.{relation} SET error = :error WHERE reason IS NOT NULL", error=error)
    api.plane.run("SET session_replication_role = origin")


def a_view(api: Api) -> None:
    """Of its change no source has to be asked."""
    api.plane.run("CREATE MATERIALIZED VIEW public.totals AS SELECT 1 AS id")
    api.plane.run("CREATE UNIQUE INDEX ON public.totals (id)")
    api.plane.run("SELECT refresh.register_table('public', 'totals', handler => 'summaries')")


def configure(page: Page, priority: str) -> None:
    page.goto("/tables/public.totals/configuration")
    page.get_by_label("priority").fill(priority)
    page.get_by_role("button", name="See what that changes …").click()


def refused_configuration(page: Page) -> None:
    configure(page, "5000")
    page.locator("#priority-wrong").wait_for()


def reviewed_configuration(page: Page) -> None:
    configure(page, "7")
    page.get_by_role("heading", name="Change public.totals?").wait_for()


def refused_webhook(page: Page) -> None:
    page.goto("/webhooks/new")
    page.get_by_label("Address").fill("https://10.0.0.1/hook")
    page.get_by_role("button", name="Add it").click()
    page.locator("#url-wrong").wait_for()


def secret_of_a_webhook(page: Page) -> None:
    page.goto("/webhooks")
    page.locator("tbody").get_by_role("link").first.click()
    page.get_by_role("link", name="New secret …").click()
    page.get_by_role("button", name="Make a new secret").click()
    page.get_by_label("Signing secret").wait_for()


def refused_refresh(page: Page) -> None:
    page.goto("/trigger?table=public.a_table_with_a_name_that_is_as_long_as_names_of_tables_can_be")
    page.get_by_role("button", name="Refresh now").click()
    page.get_by_role("alert").wait_for()


def refused_search(page: Page) -> None:
    page.goto("/audit?table=no+table")
    page.get_by_role("alert").wait_for()


def page_that_is_not_there(page: Page) -> None:
    page.goto("/nowhere")
    page.get_by_role("link", name="To the overview").wait_for()


ANSWERS = (
    refused_configuration,
    reviewed_configuration,
    refused_webhook,
    secret_of_a_webhook,
    refused_refresh,
    refused_search,
    page_that_is_not_there,
)
OPENED = ("/", "/tables/public.a", "/dead-letters", "/quarantine", "/audit")


VARIANTS = pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]
)


@VARIANTS
@pytest.mark.usefixtures("days")
def test_every_page(api: Api, hooks: Hooks, visit: Visit, width: int, scheme: str) -> None:
    visitor = visit(width=width, scheme=scheme)
    for path in pages(api, hooks):
        visitor.open(path)
        visitor.check_accessible()


@VARIANTS
@pytest.mark.usefixtures("days")
def test_every_answer_to_a_form_and_what_is_opened(
    api: Api, hooks: Hooks, visit: Visit, width: int, scheme: str
) -> None:
    pages(api, hooks)
    a_view(api)
    visitor = visit(width=width, scheme=scheme)
    for answer in ANSWERS:
        answer(visitor.page)
        visitor.check_accessible()
    for path in OPENED:
        for one in visitor.open(path).locator("summary").all()[:5]:
            one.click()
        visitor.check_accessible()


@VARIANTS
def test_many_tables(api: Api, visit: Visit, width: int, scheme: str) -> None:
    api.plane.register(*(f"t{number:03}" for number in range(60)))
    run_id = api.trigger().get_json()["run_id"]
    api.plane.deliver_owed()
    visitor = visit(width=width, scheme=scheme)
    for path in ("/", "/trigger", f"/runs/{run_id}", "/tables/public.t000"):
        visitor.open(path)
        visitor.check_accessible()


@pytest.mark.usefixtures("days")
def test_at_twice_the_size_nothing_sticks_out(api: Api, hooks: Hooks, visit: Visit) -> None:
    """A window of 1280 pixels, enlarged to 200 %, has room for 640; 400 % leave 320."""
    paths = pages(api, hooks)
    for width in (640, 320):
        visitor = visit(width=width)
        for path in paths:
            visitor.open(path)
            visitor.check_width()


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
