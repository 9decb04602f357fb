"""Decide about what was held, take a run back, and look first at what a refresh would do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.api.conftest import VIEWER, Api
from tests.api.test_holds import run_id as held_run
from tests.api.test_rollback import publish, roll_back
from tests.support.staged import StagedEngine, StagedTable
from tests.web.conftest import Visit

__all__ = ["held_run"]


@pytest.fixture
def table(api: Api) -> Iterator[StagedTable]:
    engine = StagedEngine(api.plane.url)
    yield StagedTable(engine)
    engine.close()


def test_what_is_held_is_released_from_the_overview(api: Api, held_run: str, visit: Visit) -> None:
    page = visit().open("/")
    concern = page.locator(".alert", has_text="public.a").first
    concern.get_by_role("link", name="Release …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Publish what was held of public.a?")
    expect(page.get_by_text("half of it")).to_be_visible()
    page.get_by_role("button", name="Publish it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    assert len(api.get("/api/refresh/audit?event=hold_released")["items"]) == 1
    page.goto("/tables/public.a/release")
    page.get_by_role("button", name="Publish it").click()
    expect(page.get_by_role("alert")).not_to_be_empty()


def test_what_is_held_is_refused_with_a_reason(api: Api, held_run: str, visit: Visit) -> None:
    page = visit().open(f"/runs/{held_run}")
    page.get_by_role("link", name="Release …").click()
    page.get_by_role("link", name="Refuse it instead …").click()
    page.get_by_label("What is wrong with it").fill("the currency is wrong")
    page.get_by_role("button", name="Refuse it").click()
    expect(page.get_by_role("status")).to_contain_text("Refused")
    (entry,) = api.get("/api/refresh/audit?event=hold_refused")["items"]
    assert entry["by"] == "local:operator"
    assert "the currency is wrong" in str(entry)


def test_a_run_is_taken_back(api: Api, table: StagedTable, visit: Visit) -> None:
    first, second = (publish(table, text) for text in ("first", "second"))
    api.plane.sweep()
    page = visit().open(f"/runs/{first}")
    page.get_by_role("link", name="Roll back …").click()
    page.get_by_label("Why").fill("the wrong currency")
    page.get_by_role("button", name="Roll it back").click()
    expect(page.get_by_role("alert").get_by_role("link")).to_have_attribute("href", f"/runs/{second}")
    page.goto("/tables/public.items")
    page.get_by_role("link", name="Roll back …").first.click()
    page.get_by_label("Why").fill("the wrong currency")
    page.get_by_role("button", name="Roll it back").click()
    expect(page.get_by_role("status")).to_contain_text("rolled back")
    assert [text for _, _, text in table.items()] == ["first 0", "first 1", "first 2"]
    page.goto("/tables/public.items")
    expect(page.locator("#publishes").locator("xpath=..")).to_contain_text("by local:operator: the wrong currency")


def test_a_plan_shows_what_would_be_done_and_does_nothing(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    page = visit().open("/trigger?table=public.a")
    page.get_by_role("button", name="Find out first what it would do").click()
    api.plane.deliver_owed()
    expect(page.get_by_role("heading", name="What a refresh would do")).to_be_visible()
    expect(page.get_by_text("Nothing was published, and nothing changed.")).to_be_visible()
    assert api.plane.run("SELECT mode FROM refresh.refresh_task") == [{"mode": "plan"}]


def test_a_table_is_only_compared(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    page = visit().open("/trigger?table=public.a")
    page.get_by_role("button", name="Only compare with the source").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    api.plane.deliver_owed()
    assert api.plane.run("SELECT mode FROM refresh.refresh_task") == [{"mode": "verify"}]


def test_a_viewer_is_offered_no_decision(api: Api, held_run: str, table: StagedTable, visit: Visit) -> None:
    published = publish(table, "first")
    roll_back(api, published)
    visitor = visit(token=VIEWER)
    for path in ("/", f"/runs/{held_run}", "/tables/public.a", f"/runs/{published}", "/tables/public.items"):
        page = visitor.open(path)
        expect(page.get_by_role("link", name="…")).to_have_count(0)
