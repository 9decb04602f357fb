"""A shadow's days, its promotion and the way back, by the page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.api.conftest import VIEWER, Api
from tests.api.test_shadow import orders
from tests.support.shadows import ShadowedOrders
from tests.web.conftest import Visit

__all__ = ["orders"]


def test_a_shadow_is_looked_at_promoted_and_demoted(api: Api, orders: ShadowedOrders, visit: Visit) -> None:
    orders.shadow_run()
    orders.engine.sql("UPDATE public.orders SET customer = 'other' WHERE id = 101")
    orders.next_day()
    visitor = visit()
    page = visitor.open("/tables/public.orders")
    shadow = page.get_by_role("region", name="Shadow")
    expect(shadow).to_contain_text("0 of 2 clean days in a row")
    expect(shadow).to_contain_text("2025-06-03 differs 0 rows missing, 0 extra, 1 with other values in customer")
    expect(shadow.get_by_role("link", name="Promote …")).to_be_visible()
    visitor.check_accessible()
    shadow.get_by_role("link", name="See its days").click()
    expect(page.get_by_text("0 of 2 clean days in a row")).to_be_visible()
    expect(page.get_by_role("row", name="2025-06-03")).to_contain_text("differs")
    expect(page.get_by_role("row", name="2025-06-02")).to_contain_text("clean")
    expect(page.get_by_role("row", name="customer").last).to_contain_text("other")
    visitor.check_accessible()
    page.get_by_role("link", name="Promote …").click()
    page.get_by_role("button", name="Promote it").click()
    expect(page.get_by_role("alert")).to_contain_text("0 of 2 clean days")
    page.get_by_label("Without waiting").check()
    page.get_by_label("Why").fill("the other program has stopped")
    page.get_by_role("button", name="Promote it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Run of")
    assert api.get("/api/refresh/config/public.orders")["mode"] == "live"
    page.goto("/tables/public.orders")
    expect(page.get_by_role("region", name="Shadow")).to_have_count(0)
    page.get_by_text("More actions").click()
    page.get_by_role("link", name="Back to shadow mode …").click()
    page.get_by_label("Why").fill("it was too early")
    page.get_by_role("button", name="Go back to shadow mode").click()
    expect(page.get_by_role("link", name="Promote …")).to_be_visible()
    assert api.get("/api/refresh/config/public.orders")["mode"] == "shadow"


def test_a_viewer_only_looks(orders: ShadowedOrders, visit: Visit) -> None:
    visitor = visit(token=VIEWER)
    for path in ("/tables/public.orders/shadow", "/tables/public.orders"):
        page = visitor.open(path)
        expect(page.get_by_role("link", name="…")).to_have_count(0)
        expect(page.get_by_role("button")).to_have_text(["Sign out"])
