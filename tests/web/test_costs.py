"""A month's bill by the page, and how much of the caps of today is used."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.api.conftest import Api, forget
from tests.api.test_costs import bill, billed
from tests.web.conftest import Visit

__all__ = ["billed"]


def test_a_month_as_picture_and_numbers(billed: Api, visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("/costs?month=2025-06")
    expect(page.get_by_role("heading", level=1)).to_have_text("Costs of June 2025")
    expect(page.get_by_role("row", name="public.b")).to_contain_text("$15.00")
    expect(page.get_by_role("row", name="public.a")).to_contain_text("$11.25")
    expect(page.locator(".figures")).to_contain_text("$26.25")
    expect(page.get_by_role("img", name="each day of June 2025, at most $15.00")).to_be_visible()
    titles = page.locator(".chart title").all_text_contents()
    assert len(titles) == 30
    assert titles[14] == "2025-06-15: $15.00"
    assert titles[15] == "2025-06-16: nothing billed"
    visitor.check_accessible()
    page.get_by_role("link", name="Month after").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Costs of July 2025")
    page.get_by_role("link", name="Month before").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Costs of June 2025")


def test_what_is_no_month_is_said_at_the_field(api: Api, visit: Visit) -> None:
    page = visit().page
    answer = page.goto("/costs?month=1999-01")
    assert answer is not None
    assert answer.status == 422
    expect(page.locator("#month-wrong")).to_contain_text("as 2025-06")
    expect(page.get_by_label("Month", exact=True)).to_have_value("1999-01")


def test_caps_and_how_much_of_each_is_used(api: Api, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    page = visit().open("/costs")
    expect(page.get_by_text("There is no cap for a day")).to_be_visible()
    monkeypatch.setenv("REFRESH_MAX_BYTES_BILLED_PER_DAY", str(10 * 2**40))
    forget()
    api.plane.register("a", max_bytes_billed_per_day=2**40)
    api.plane.daily()
    (now,) = api.plane.run("SELECT CAST(clock_timestamp() AS text) AS at")
    bill(api, "a", "1", now["at"], 1)
    page = visit(width=390).open("/")
    page.get_by_role("link", name="Costs").click()
    expect(page.locator(".checks li").first).to_contain_text("All tables together")
    expect(page.locator(".checks li").first).to_contain_text("1.0 TiB of 10.0 TiB 10 % used")
    expect(page.locator(".checks li").last).to_contain_text("100 % used: nothing more is started today")
