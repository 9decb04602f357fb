"""Start a refresh, watch it live, and do a run again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.api.conftest import VIEWER, Api
from tests.web.conftest import Visit
from tests.web.test_session import SAME, sign_in, tokens


def test_a_refresh_is_started_from_a_tables_page_and_watched_to_its_end(api: Api, visit: Visit) -> None:
    api.plane.register("a", "b")
    page = visit().open("/tables/public.a")
    page.get_by_role("link", name="Refresh …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Refresh public.a now?")
    expect(page.get_by_text("Until then its readers see what they see now.")).to_be_visible()
    page.get_by_role("button", name="Refresh now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    expect(page.get_by_text("The run is being planned")).to_be_visible()
    api.plane.deliver_owed()
    outcome = page.locator(".line .outcome")
    expect(outcome).to_contain_text("waits for its turn")
    api.plane.claim("a")
    api.plane.slice("a", 0, rows_expected="100", source_rows_expected="100")
    api.plane.slice("a", 1, rows_expected="100", source_rows_expected="100")
    api.plane.change("a", "lease_until = clock_timestamp() + interval '90 seconds'")
    expect(outcome).to_contain_text("loading, 0 of 2 slices")
    api.plane.run(
        "UPDATE refresh.refresh_checkpoint SET status = 'done', rows_read = 100, rows_received = 100,"
        " rows_staged = 100, started_at = now() - interval '5 seconds', finished_at = now() WHERE slice_no = 0"
    )
    api.plane.change("a", "slices_open = 1")
    expect(outcome).to_contain_text("1 of 2 slices")
    expect(page.locator(".bar .slice")).to_have_count(1)
    api.plane.change("a", "slices_open = 0, phase = 'publishing', status = 'success', lease_until = NULL")
    api.plane.deliver_owed()
    expect(page.get_by_role("heading", level=1)).to_contain_text("success")
    assert [row["requested_by"] for row in api.plane.run("SELECT requested_by FROM refresh.refresh_run")] == [
        "local:operator"
    ]


def test_several_tables_are_chosen_and_what_stands_against_it_is_said(api: Api, visit: Visit) -> None:
    api.plane.register("a", "b", "c")
    page = visit().open("/trigger")
    page.get_by_label("Only those that are ticked").check()
    page.get_by_label("public.a").check()
    page.get_by_label("public.c").check()
    page.get_by_role("button", name="Refresh now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    api.plane.deliver_owed()
    assert set(api.plane.tasks()) == {"a", "c"}
    page.goto("/trigger?table=public.a")
    expect(page.get_by_text("It is being refreshed just now")).to_be_visible()
    page.get_by_role("button", name="Refresh now").click()
    expect(page.get_by_role("alert")).to_contain_text("Already being refreshed: public.a.")


def test_where_nothing_is_live_nothing_is_offered(api: Api, visit: Visit) -> None:
    api.plane.register("a", mode="disabled")
    page = visit().open("/trigger")
    expect(page.get_by_text("there is nothing to refresh")).to_be_visible()
    expect(page.get_by_role("button", name="Refresh now")).to_have_count(0)


def test_a_form_that_is_sent_twice_makes_one_run(api: Api) -> None:
    api.plane.register("a")
    sign_in(api)
    form = tokens(api, "/trigger?table=public.a") | {"which": "some", "table": "public.a", "once": "key"}
    first, second = (api("POST", "/trigger", token=None, headers=SAME, data=form) for _ in range(2))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    assert len(api.plane.run("SELECT FROM refresh.refresh_run")) == 1


def test_a_run_that_failed_says_why_and_is_done_again(api: Api, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.plane.source, "run", lambda job, *, timeout: None, raising=False)
    api.plane.register("a", "b")
    api.trigger()
    api.plane.deliver_owed()
    api.plane.finish("a", "failed")
    api.plane.finish("b")
    api.plane.deliver_owed()
    page = visit().open("/runs")
    page.get_by_role("link", name="failed", exact=True).click()
    page.locator("tbody").get_by_role("link").first.click()
    trouble = page.locator(".alert")
    expect(trouble).to_contain_text("public.a")
    expect(trouble).to_contain_text("replay the run")
    page.get_by_role("link", name="Replay …").click()
    page.get_by_role("button", name="Replay 1 table").click()
    expect(page.get_by_text("had an earlier run done again")).to_be_visible()
    api.plane.deliver_owed()
    assert api.plane.run("SELECT DISTINCT table_name FROM refresh.refresh_task WHERE status = 'queued'") == [
        {"table_name": "a"}
    ]


def test_a_run_of_many_tables_is_one_picture_searched_and_put_in_order(api: Api, visit: Visit) -> None:
    api.plane.register(*(f"t{number:03}" for number in range(40)))
    run_id = api.trigger().get_json()["run_id"]
    api.plane.deliver_owed()
    api.plane.run("SET session_replication_role = replica")
    api.plane.run(
        "UPDATE refresh.refresh_task SET status = 'success', started_at = created_at,"
        " finished_at = created_at + make_interval(secs => CAST(right(table_name, 2) AS integer))"
    )
    page = visit().open(f"/runs/{run_id}")
    expect(page.get_by_role("img", name="Tables at work over the time of the run, at most 40")).to_be_visible()
    names = page.locator(".line .label")
    expect(names).to_have_count(40)
    page.get_by_role("link", name="slowest first").click()
    expect(names.first).to_have_text("public.t039")
    page.get_by_label("Search tables of the run by name").fill("t00")
    page.keyboard.press("Enter")
    expect(names).to_have_count(10)
    expect(names.first).to_have_text("public.t009")


def test_a_viewer_watches_and_has_no_buttons(api: Api, visit: Visit) -> None:
    api.plane.register("a")
    run_id = api.trigger("a").get_json()["run_id"]
    api.plane.deliver_owed()
    api.plane.finish("a", "failed")
    api.plane.deliver_owed()
    visitor = visit(token=VIEWER)
    for path in (f"/runs/{run_id}", "/tables/public.a", "/runs", "/dead-letters", "/audit"):
        page = visitor.open(path)
        expect(page.get_by_role("link", name="…")).to_have_count(0)
        buttons = page.get_by_role("button").all_inner_texts()
        assert set(buttons) <= {"Sign out", "Search"}, path


def test_a_run_that_is_not_there_is_a_page_too(visit: Visit) -> None:
    page = visit().page
    answer = page.goto("/runs/7e0c2d1a-0000-4000-8000-000000000000")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")
    answer = page.goto("/nowhere")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("link", name="To the overview")).to_be_visible()


def test_every_table_of_a_long_run_is_on_one_of_its_pages(api: Api) -> None:
    names = [f"t{number:03}" for number in range(230)]
    api.plane.register(*names)
    run_id = api.trigger().get_json()["run_id"]
    api.plane.deliver_owed()
    api.plane.run(
        "SET session_replication_role = replica; UPDATE refresh.refresh_task SET started_at = created_at,"
        " finished_at = created_at + interval '1 minute', rows_read = 7, rows_staged = 7, rows_inserted = 7,"
        " bytes_billed = 1024,"
        " status = CASE WHEN table_name LIKE '%9' THEN 'failed' ELSE 'success' END, reason = 'test';"
        " SET session_replication_role = origin"
    )
    pages = [api("GET", f"/runs/{run_id}?page={number}").text for number in (1, 2, 3)]
    found = [re.findall(r'<div class="label"><a href="/tables/public\.(t\d+)"', text) for text in pages]
    assert [len(tables) for tables in found] == [100, 100, 30]
    failed = [name for name in names if name.endswith("9")]
    assert [name for tables in found for name in tables] == failed + [name for name in names if name not in failed], (
        "what failed first"
    )
    for text in pages:
        assert "<div><dt>rows read</dt><dd>1,610</dd></div>" in text, "of all tables, not of those that are shown"
        assert "<div><dt>billed by BigQuery</dt><dd>230.0 KiB</dd></div>" in text
        assert "all <b>230</b>" in text
        assert "failed <b>23</b>" in text
        assert "of 230 ended</title>" in text
