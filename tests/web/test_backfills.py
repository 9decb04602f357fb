"""Fill a range of a table by the page: looked at before, begun, watched, cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Page, expect

from tests.api.conftest import VIEWER, Api
from tests.api.test_backfills import RANGE, days
from tests.web.conftest import Visit

__all__ = ["days"]


def fill(page: Page, given: Mapping[str, str]) -> None:
    page.get_by_label("Table").fill(given.get("table", "public.days"))
    page.get_by_label("First day").fill(given["from"])
    page.get_by_label("Last day").fill(given["to"])
    page.get_by_role("button", name="See what it will do …").click()


def parts(api: Api, number: int) -> None:
    """The plan of the range has found so many parts of 100 rows, and the first one is done."""
    api.plane.run("UPDATE refresh.refresh_backfill SET planned_at = now() - interval '100 seconds'")
    api.plane.run(
        "INSERT INTO refresh.refresh_backfill_batch (backfill_id, batch_no, scope_from, scope_to, scopes, rows, run_id)"
        " SELECT backfill_id, n, scope_from, scope_to, 1, 100, CASE n WHEN 1 THEN run_id END"
        " FROM refresh.refresh_backfill, generate_series(1, CAST(:number AS integer)) n",
        number=number,
    )
    api.plane.finish("days")


def test_a_range_is_looked_at_begun_watched_and_cancelled(days: Api, visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("/tables/public.days")
    page.get_by_text("More actions").click()
    page.get_by_role("link", name="Fill a range …").click()
    page.get_by_label("Part by part").check()
    fill(page, RANGE)
    expect(page.get_by_role("heading", level=1)).to_have_text("Fill public.days from 2025-01-01 to 2025-03-31?")
    expect(page.get_by_text("each part in a transaction of its own")).to_be_visible()
    visitor.check_accessible()
    assert days.get("/api/refresh/backfills")["items"] == []
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    expect(page.get_by_text("finding out what differs")).to_be_visible()
    days.plane.deliver_owed()
    parts(days, 4)
    expect(page.get_by_text("100 of 400 rows, 1 of 4 parts")).to_be_visible()
    expect(page.get_by_text("left", exact=False).first).to_be_visible()
    visitor.check_accessible()
    page.get_by_role("link", name="Cancel …").click()
    expect(page.get_by_text("The part that is published stays")).to_be_visible()
    page.get_by_role("button", name="Cancel it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    (found,) = days.get("/api/refresh/backfills")["items"]
    assert (found["status"], found["requested_by"]) == ("cancelled", "local:operator")


def test_what_is_wrong_is_said_at_the_field_and_what_was_typed_stays(days: Api, visit: Visit) -> None:
    days.plane.register("plain")
    page = visit().open("/backfills/new")
    fill(page, {"table": "public.days", "from": "2025-03-01", "to": "2025-02-01"})
    expect(page.locator("#to-wrong")).to_contain_text("from is after to")
    expect(page.get_by_label("First day")).to_have_value("2025-03-01")
    fill(page, RANGE | {"table": "public.plain"})
    expect(page.locator("#table-wrong")).to_contain_text("Set scope_column to a date")
    fill(page, RANGE | {"table": "public.nowhere"})
    expect(page.locator("#table-wrong")).to_contain_text("Not registered: public.nowhere")
    fill(page, RANGE | {"table": "nowhere"})
    expect(page.locator("#table-wrong")).to_contain_text("as schema.name")
    expect(page.get_by_label("Table")).to_have_value("nowhere")
    fill(page, RANGE)
    page.get_by_role("button", name="Change the range").click()
    expect(page.get_by_label("Last day")).to_have_value("2025-03-31")
    assert days.get("/api/refresh/backfills")["items"] == []


def test_a_table_that_is_being_filled_is_not_filled_twice(days: Api, visit: Visit) -> None:
    page = visit().open("/backfills/new?table=public.days")
    fill(page, RANGE)
    days.trigger("days", backfill=RANGE)
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("#table-wrong")).to_contain_text("Already being refreshed: public.days")


def test_all_are_listed_and_those_of_a_table(days: Api, visit: Visit) -> None:
    days.trigger("days", "more", backfill=RANGE)
    page = visit().open("/backfills")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Table").fill("public.more")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Table").fill("more")
    page.keyboard.press("Enter")
    expect(page.locator("#table-wrong")).to_be_visible()


def test_a_viewer_watches_and_begins_and_ends_nothing(days: Api, visit: Visit) -> None:
    made: dict[str, Any] = days.trigger("days", backfill=RANGE).get_json()
    visitor = visit(token=VIEWER)
    path = f"/backfills/{made['backfills'][0]}"
    for one in ("/backfills", path, f"{path}/cancel", "/backfills/new", "/tables/public.days"):
        page = visitor.open(one)
        expect(page.get_by_role("link", name="…")).to_have_count(0)
        assert set(page.get_by_role("button").all_inner_texts()) <= {"Sign out", "Search"}, one
