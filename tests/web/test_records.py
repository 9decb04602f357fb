"""What happened, who did it, and what was given up."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.api.conftest import VIEWER, Api
from tests.api.test_dead_letters import letter
from tests.web.conftest import Visit


def test_the_audit_is_searched(api: Api, visit: Visit) -> None:
    api.plane.register("a", "b")
    api("PUT", "/api/refresh/config/public.a", json={"priority": 7})
    api.trigger("b")
    page = visit().open("/audit")
    expect(page.locator("tbody tr")).not_to_have_count(1)
    page.get_by_label("Event").fill("config_changed")
    page.get_by_label("By").fill("local:operator")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    row = page.get_by_role("row", name="config changed")
    expect(row).to_contain_text("public.a")
    row.get_by_text("details").click()
    expect(row).to_contain_text("priority")
    page.get_by_label("Table").fill("no table")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("alert")).to_have_text("Write the table as schema.name, such as sqp.weekly_summary.")
    page.goto("/quarantine?table=no+table")
    expect(page.get_by_role("alert")).to_have_text("Write the table as schema.name, such as sqp.weekly_summary.")


def test_older_entries_are_a_page_further(api: Api, visit: Visit) -> None:
    api.plane.register(*(f"t{number:03}" for number in range(60)))
    page = visit().open("/audit")
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Newest")).to_be_visible()
    expect(page.locator("tbody tr").first).to_be_visible()


def test_a_dead_letter_is_sent_again(api: Api, visit: Visit) -> None:
    made = letter(api)
    page = visit().open("/")
    page.get_by_role("link", name="See them", exact=True).click()
    expect(page.get_by_role("heading", name="unknown_version: 2")).to_be_visible()
    page.get_by_text("what it holds").click()
    expect(page.get_by_text('{"version": 1}')).to_be_visible()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("status")).to_contain_text(f"Message {made} is on its way again.")
    assert len(api.plane.bus.of_topic("refresh-generic")) == 1


def test_a_viewer_cannot_send_it(api: Api, visit: Visit) -> None:
    letter(api)
    page = visit(token=VIEWER).open("/dead-letters")
    expect(page.get_by_role("button")).to_have_text(["Sign out"])


def test_a_tables_page_has_its_days_checks_and_neighbours(api: Api, visit: Visit) -> None:
    api.plane.register("a", "b", "c")
    api.plane.depend("b", "a")
    api.plane.depend("c", "b", kind="soft")
    api.trigger("b")
    api.plane.deliver_owed()
    api.plane.claim("b")
    api.plane.change("b", "rows_read = 30, rows_staged = 30, rows_inserted = 20, rows_updated = 10, rows_deleted = 5")
    api.plane.change("b", "status = 'warning', reason = 'checks_warned'")
    api.plane.deliver_owed()
    api.plane.run(
        "INSERT INTO refresh.refresh_data_quality (run_id, table_schema, table_name, scope, metric, value, threshold,"
        " passed) SELECT run_id, 'public', 'b', day, 'completeness', 5, 10, day <> '2025-06-02'"
        " FROM refresh.refresh_run,"
        " unnest(ARRAY['2025-06-01', '2025-06-02']) AS day"
    )
    page = visit().open("/tables/public.b")
    expect(page.get_by_role("img", name="rows of each of the last 30 days, at most 35")).to_be_visible()
    expect(page.locator(".chart").first.locator(".fill")).to_have_count(3)
    check = page.locator(".checks .card")
    expect(check).to_contain_text("1 of 2 did not pass")
    expect(check).to_contain_text("2025-06-02 5 against 10")
    flow = page.locator(".flow")
    expect(flow).to_contain_text("public.a hard")
    expect(flow).to_contain_text("public.c soft")
    expect(page.locator("#history").locator("xpath=..")).to_contain_text("checks warned")
