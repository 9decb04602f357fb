"""Rows that a target could not hold: found, looked at, and read again."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.api.conftest import VIEWER, Api
from tests.api.test_quarantine import run_id as quarantined
from tests.web.conftest import Visit

__all__ = ["quarantined"]


def test_rows_are_found_from_the_tables_page_and_read_again(api: Api, quarantined: str, visit: Visit) -> None:
    page = visit().open("/tables/public.a")
    page.get_by_role("link", name="See the rows").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("null in not null")
    rows.first.get_by_text("show").click()
    expect(rows.first).to_contain_text('"id": 1')
    page.get_by_role("link", name="resolved").click()
    expect(rows.first).to_contain_text("too long")
    page.get_by_role("link", name="all", exact=True).click()
    page.get_by_role("button", name="Read them again").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    api.plane.deliver_owed()
    assert api.plane.run("SELECT table_name FROM refresh.refresh_task WHERE status = 'queued'") == [{"table_name": "a"}]


def test_a_viewer_only_looks(quarantined: str, visit: Visit) -> None:
    page = visit(token=VIEWER).open("/quarantine?table=public.a")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_role("button")).to_have_text(["Sign out", "Search"])
