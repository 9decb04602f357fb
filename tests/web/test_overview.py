"""The overview: ten seconds, and one knows whether the dashboards can be trusted."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.api.conftest import VIEWER, Api
from tests.api.test_status import refreshed
from tests.web.conftest import Visit


def test_when_all_is_well_it_says_so(api: Api, visit: Visit) -> None:
    api.plane.register("a", "b")
    for name in ("a", "b"):
        refreshed(api, name, hours_ago=3)
    page = visit().open("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("The dashboards can be trusted: every table is fresh.")
    expect(page.get_by_role("heading", name="What needs you")).to_have_count(0)
    row = page.get_by_role("row", name="public.a").first
    expect(row).to_contain_text("3 h ago")
    expect(row).to_contain_text("2025-01-05")


def test_what_is_wrong_is_on_top_with_what_to_do(api: Api, visit: Visit) -> None:
    api.plane.register("a", "b", "c", "d")
    for name, status in (("a", "failed"), ("b", "held"), ("c", "warning")):
        refreshed(api, name, hours_ago=1, status=status)
    refreshed(api, "d", hours_ago=40)
    page = visit().open("/")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Not everything can be trusted: one table shows old data."
    )
    concerns = page.locator(".alert")
    expect(concerns).to_have_count(4)
    expect(concerns.first).to_contain_text("public.a")
    expect(concerns.first).to_contain_text("then replay the run")
    concerns.first.get_by_role("link", name="Replay …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Replay this run?")


def test_much_of_the_same_is_said_once(api: Api, visit: Visit) -> None:
    api.plane.register(*(f"t{number}" for number in range(12)))
    page = visit().open("/")
    expect(page.locator(".alert")).to_have_count(1)
    expect(page.locator(".alert")).to_contain_text("12 tables")
    page.get_by_role("link", name="Show them").click()
    expect(page).to_have_url("/?show=never#all-tables")


def test_tables_are_found_filtered_and_paged(api: Api, visit: Visit) -> None:
    api.plane.register(*(f"t{number:03}" for number in range(120)))
    page = visit().open("/")
    rows = page.locator("#tables tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Further").click()
    expect(page.locator("#tables")).to_contain_text("page 2 of 3, 120 tables")
    page.keyboard.press("/")
    page.keyboard.type("T11")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(10)
    page.goto("/?q=no-such-table")
    expect(page.get_by_text("No table is like that.")).to_be_visible()


def test_it_is_brought_up_to_date_by_itself_and_says_so_when_it_no_longer_is(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    api.trigger("a")
    api.plane.deliver_owed()
    page = visit().open("/")
    expect(page.get_by_role("heading", name="Running now")).to_be_visible()
    api.plane.finish("a")
    api.plane.deliver_owed()
    expect(page.get_by_role("heading", name="Running now")).to_have_count(0)
    expect(page.locator("#tables")).to_contain_text("success")


def test_a_page_that_is_no_longer_live_says_so(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    api.trigger("a")
    api.plane.deliver_owed()
    page = visit().open("/")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.context.clear_cookies()
    expect(page.get_by_role("alert")).to_contain_text("no longer brought up to date")


def test_a_viewer_sees_everything_and_no_buttons(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=1, status="failed")
    page = visit(token=VIEWER).open("/")
    expect(page.locator(".alert")).to_contain_text("public.a")
    expect(page.get_by_role("link", name="…")).to_have_count(0)
    expect(page.get_by_role("button")).to_have_text(["Sign out", "Search"])
