"""From a table's page: what a refresh would do, and whether the table holds what its source has. Neither changes it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.api.conftest import VIEWER, Api
from tests.api.test_dry_runs import engine, work
from tests.support.engine import Engine
from tests.support.orders import Orders
from tests.web.conftest import Visit

__all__ = ["engine"]


@pytest.fixture
def orders(engine: Engine) -> Orders:
    orders = Orders(engine)
    orders.days(1, 3)
    orders.refresh()
    return orders


def test_a_dry_run_tells_each_row_that_would_be_written(api: Api, engine: Engine, orders: Orders, visit: Visit) -> None:
    orders.change()
    before = engine.sql("SELECT * FROM public.orders ORDER BY id")
    visitor = visit()
    page = visitor.open("/tables/public.orders")
    page.get_by_text("More actions").click()
    page.get_by_role("link", name="What would a refresh do …").click()
    page.get_by_label("Every row that it would write").check()
    page.get_by_role("button", name="Find it out").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    work(api, engine)
    report = page.get_by_role("region", name="What a refresh would do")
    expect(report.get_by_role("row", name="public.orders")).to_contain_text("success")
    scopes = page.get_by_role("region", name="Scopes of public.orders")
    expect(scopes.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_text("Rows that would be updated, by column: amount 4.")).to_be_visible()
    scopes.get_by_text("some of them").first.click()
    visitor.check_accessible()
    assert engine.sql("SELECT * FROM public.orders ORDER BY id") == before


def test_a_plan_tells_what_has_changed(api: Api, engine: Engine, orders: Orders, visit: Visit) -> None:
    orders.change()
    page = visit(width=390).open("/tables/public.orders/plan")
    page.get_by_role("button", name="Find it out").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    work(api, engine)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Plan of")
    expect(page.get_by_text("3 scopes that are not left alone")).to_be_visible()
    assert {row["mode"] for row in engine.sql("SELECT mode FROM refresh.refresh_task")} == {"live", "plan"}


def test_a_verification_tells_where_table_and_source_differ(
    api: Api, engine: Engine, orders: Orders, visit: Visit
) -> None:
    visitor = visit()
    page = visitor.open("/tables/public.orders/verify")
    page.get_by_role("button", name="Compare them").click()
    work(api, engine)
    expect(page.get_by_role("row", name="public.orders").first).to_contain_text("equal")
    engine.sql("UPDATE public.orders SET amount = -1 WHERE id = (SELECT min(id) FROM public.orders)")
    page.goto("/tables/public.orders")
    page.get_by_text("More actions").click()
    page.get_by_role("link", name="Compare with its source …").click()
    page.get_by_role("button", name="Compare them").click()
    work(api, engine)
    expect(page.get_by_role("row", name="public.orders").first).to_contain_text("not equal")
    differs = page.get_by_role("region", name="Where public.orders differs")
    expect(differs.locator("tbody tr")).to_have_count(1)
    expect(differs.locator("tbody code")).to_have_text(["amount"])
    visitor.check_accessible()


def test_why_it_cannot_be_is_said_and_what_was_chosen_stays(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    page = visit().open("/tables/public.a/plan")
    api.plane.run("UPDATE refresh.refresh_table_registry SET mode = 'disabled'")
    page.get_by_label("Every row that it would write").check()
    page.get_by_label("As if every scope had changed").check()
    page.get_by_role("button", name="Find it out").click()
    expect(page.get_by_role("alert")).to_contain_text("Set mode to live in the configuration first")
    expect(page.get_by_label("Every row that it would write")).to_be_checked()
    expect(page.get_by_label("As if every scope had changed")).to_be_checked()
    page.goto("/tables/public.a/verify")
    page.get_by_role("button", name="Compare them").click()
    expect(page.get_by_role("alert")).to_contain_text("public.a")


def test_a_viewer_starts_neither(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    visitor = visit(token=VIEWER)
    for path in ("/tables/public.a", "/tables/public.a/plan", "/tables/public.a/verify"):
        page = visitor.open(path)
        expect(page.get_by_role("link", name="…")).to_have_count(0)
        expect(page.get_by_role("button")).to_have_text(["Sign out"])
