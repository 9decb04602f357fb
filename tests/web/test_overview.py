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


def test_what_is_wrong_is_in_the_windows_title_too(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=1)
    page = visit().open("/")
    expect(page).to_have_title("✓ The dashboards can be trusted: every table is fresh. · Daily BigQuery Refresh")
    api.trigger("a", force=True)
    api.plane.deliver_owed()
    page.reload()
    api.plane.finish("a", "failed")
    api.plane.deliver_owed()
    headline = "Not everything is up to date: the last refresh of one table failed."
    expect(page).to_have_title(f"✕ {headline} · Daily BigQuery Refresh")
    expect(page.locator("#spoken")).to_have_text(headline)


def test_a_table_that_is_not_equal_leads_to_its_verification_and_to_force(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=1)
    verification = api("POST", "/api/refresh/verify", json={}).get_json()["run_id"]
    api.plane.deliver_owed()
    api.plane.claim("a")
    api.plane.change("a", "status = 'warning', reason = 'not_equal', error = '1 of 2 scopes differ'")
    api.plane.deliver_owed()
    page = visit().open("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("one table differs from its source")
    expect(page.get_by_role("img", name="1 not equal")).to_be_visible()
    concern = page.locator(".alert")
    expect(concern.get_by_role("link", name="See its run")).to_have_attribute("href", f"/runs/{verification}")
    concern.get_by_role("link", name="Refresh …").click()
    expect(page.get_by_label("Read and compare everything anew")).to_be_checked()


def test_what_nobody_can_decide_offers_no_release(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    refreshed(api, "a", hours_ago=1, status="held")
    for path in ("/", "/tables/public.a"):
        page = visit().open(path)
        expect(page.get_by_text("held").first).to_be_visible()
        expect(page.get_by_role("link", name="Release …")).to_have_count(0)


def test_a_long_error_is_cut_until_it_is_asked_for(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    last = "the last word of it"
    refreshed(api, "a", hours_ago=1, status="failed", error="Access denied. " * 30 + last)
    page = visit().open("/")
    concern = page.locator(".alert")
    expect(concern.get_by_text(last)).to_be_hidden()
    concern.get_by_text("all of it").click()
    expect(concern.get_by_text(last)).to_be_visible()


def test_what_is_live_takes_nothing_out_of_its_readers_hand(api: Api, visit: Visit) -> None:
    api.plane.register("a", "b")
    refreshed(api, "a", hours_ago=1, status="failed", error="Access denied. " * 30)
    api.trigger("b")
    api.plane.deliver_owed()
    page = visit().open("/")
    page.get_by_text("all of it").click()
    page.get_by_role("link", name="Replay …").focus()
    page.evaluate("document.getElementById('now').dataset.first = 'yes'")
    expect(page.locator("#now[data-first]")).to_have_count(0)
    expect(page.get_by_role("link", name="Replay …")).to_be_focused()
    expect(page.locator("details.rest")).to_have_attribute("open", "")


def test_much_of_the_same_is_said_once(api: Api, visit: Visit) -> None:
    api.plane.register(*(f"t{number}" for number in range(12)))
    page = visit().open("/")
    expect(page.locator(".alert")).to_have_count(1)
    expect(page.locator(".alert")).to_contain_text("12 tables")
    page.get_by_role("link", name="Show them").click()
    expect(page).to_have_url("/?show=never#all-tables")
    api.trigger()
    api.plane.deliver_owed()
    page.goto("/")
    expect(page.locator(".alert")).to_contain_text("A refresh is under way.")


def test_tables_are_found_filtered_and_paged(api: Api, visit: Visit) -> None:
    api.plane.register(*(f"t{number:03}" for number in range(120)))
    page = visit().open("/")
    rows = page.locator("#tables tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#tables")).to_contain_text("page 2 of 3, 120 tables")
    page.keyboard.press("/")
    page.keyboard.type("T11")
    page.keyboard.press("Enter")
    expect(page).to_have_url("/?q=T11#all-tables")
    expect(rows).to_have_count(10)
    page.goto("/?q=public+t11")
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
