"""What a table waits for, and since when, in words: on its run's page and on its own."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.api.conftest import Api
from tests.web.conftest import Visit


def test_what_has_not_begun_says_which_inputs_it_waits_for(api: Api, visit: Visit) -> None:
    api.plane.register("a", "b", "c")
    api.plane.depend("c", "a", "b")
    run_id = api.trigger().get_json()["run_id"]
    api.plane.deliver_owed()
    assert {one["table"]: one["waits_for"] for one in api.get(f"/api/refresh/runs/{run_id}")["tables"]} == {
        "public.a": None,
        "public.b": None,
        "public.c": ["public.a", "public.b"],
    }
    page = visit().open(f"/runs/{run_id}")
    expect(page.locator(".line", has_text="public.c")).to_contain_text("waits for public.a and public.b, since")
    api.plane.finish("a")
    expect(page.locator(".line", has_text="public.c").last).to_contain_text("waits for public.b, since")
    page.goto("/tables/public.c")
    expect(page.locator("#now")).to_contain_text("It waits for public.b, since")


def test_what_is_loaded_says_whom_it_is_published_with(api: Api, visit: Visit) -> None:
    api.plane.register("a", "b", publish_group="shop")
    run_id = api.trigger().get_json()["run_id"]
    api.plane.deliver_owed()
    api.plane.claim("a")
    api.plane.change("a", "phase = 'loading'")
    api.plane.change("a", "phase = 'staged', lease_until = NULL")
    visitor = visit(width=390)
    page = visitor.open(f"/runs/{run_id}")
    said = "loaded; to be published together with public.b, which is not loaded yet, since"
    expect(page.locator(".line", has_text="public.a").first).to_contain_text(said)
    visitor.check_accessible()
    page.goto("/tables/public.a")
    expect(page.locator("#now")).to_contain_text("Tables of the publish group shop change together")
    visitor.check_accessible()
