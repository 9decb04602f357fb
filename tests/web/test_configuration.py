"""Change how a table is refreshed, having seen what that leads to."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from functions.api.pages import fields
from functions.api.schemas.configuration import ConfigurationChange
from tests.api.conftest import VIEWER, Api
from tests.web.conftest import Visit

FORM = "/tables/public.a/configuration"


@pytest.fixture
def table(api: Api) -> Api:
    """A view's registration: no source has to be asked about it."""
    api.plane.run("CREATE MATERIALIZED VIEW public.a AS SELECT 1 AS id")
    api.plane.run("CREATE UNIQUE INDEX ON public.a (id)")
    api.plane.run("SELECT refresh.register_table('public', 'a', handler => 'summaries')")
    return api


def configuration(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/api/refresh/config/public.a")
    return found


def review(page: Page) -> None:
    page.get_by_role("button", name="See what that changes …").click()


def test_a_change_is_shown_with_what_it_leads_to_and_then_made(table: Api, visit: Visit) -> None:
    version = configuration(table)["config_version"]
    page = visit().open(FORM)
    page.get_by_label("priority").fill("7")
    page.get_by_label("mode").select_option("disabled")
    review(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Change public.a?")
    expect(page.get_by_role("row", name="priority")).to_contain_text("7")
    expect(page.get_by_text("No scope has to be read anew")).to_be_visible()
    assert configuration(table)["config_version"] == version
    page.get_by_role("button", name="Save the change").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    found = configuration(table)
    assert (found["priority"], found["mode"]) == (7, "disabled")
    entry = table.get("/api/refresh/audit?event=config_changed")["items"][0]
    assert entry["by"] == "local:operator"


def test_thresholds_of_checks_are_changed_too(table: Api, visit: Visit) -> None:
    page = visit().open(FORM)
    page.get_by_label("checks").fill('{"table_min_ratio": 0.25}')
    review(page)
    expect(page.get_by_role("row", name="checks")).to_contain_text('"table_min_ratio": 0.25')
    page.get_by_role("button", name="Save the change").click()
    expect(page.get_by_label("checks")).to_have_value('{\n  "table_min_ratio": 0.25\n}')
    assert configuration(table)["checks"] == {"table_min_ratio": 0.25}


def test_what_is_wrong_is_said_at_the_field(table: Api, visit: Visit) -> None:
    page = visit().open(FORM)
    page.get_by_label("priority").fill("5000")
    page.get_by_label("depends_on").fill("{nothing}")
    review(page)
    expect(page.locator("#depends_on-wrong")).to_contain_text("is no JSON")
    page.get_by_label("depends_on").fill("{}")
    review(page)
    expect(page.locator("#priority-wrong")).to_contain_text("less than or equal to 1000")
    expect(page.get_by_label("priority")).to_be_focused()
    expect(page.get_by_label("priority")).to_have_value("5000")
    page.get_by_label("priority").fill("5")
    page.get_by_label("depends_on").fill('{"public.nowhere": "hard"}')
    review(page)
    expect(page.locator("#depends_on-wrong")).to_be_visible()
    assert configuration(table)["priority"] != 5


def test_a_lost_race_loses_nobodys_change(table: Api, visit: Visit) -> None:
    page = visit().open(FORM)
    page.get_by_label("priority").fill("7")
    review(page)
    table("PUT", "/api/refresh/config/public.a", json={"frequency_hours": 48})
    page.get_by_role("button", name="Save the change").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody has changed it meanwhile")
    expect(page.get_by_label("priority")).to_have_value("7")
    expect(page.get_by_label("frequency_hours")).to_have_value("48")
    review(page)
    page.get_by_role("button", name="Save the change").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    found = configuration(table)
    assert (found["priority"], found["frequency_hours"]) == (7, 48)


def test_one_can_go_back_to_the_form_with_what_was_typed(table: Api, visit: Visit) -> None:
    page = visit().open(FORM)
    page.get_by_label("priority").fill("7")
    review(page)
    page.get_by_role("button", name="Change more").click()
    expect(page.get_by_label("priority")).to_have_value("7")
    page.get_by_label("priority").fill(str(configuration(table)["priority"]))
    review(page)
    expect(page.get_by_role("status")).to_have_text("Nothing was changed.")


def test_a_viewer_reads_it(table: Api, visit: Visit) -> None:
    page = visit(token=VIEWER).open(FORM)
    expect(page.get_by_label("priority")).to_be_disabled()
    expect(page.get_by_role("button")).to_have_text(["Sign out"])


def test_every_field_that_can_be_changed_is_in_the_form_and_explained() -> None:
    shown = {field.name: field for field in fields.all_fields()}
    assert set(shown) == set(ConfigurationChange.model_fields) - {"table", "config_version", "created_at"}
    assert [name for name, field in shown.items() if not field.help] == []


@pytest.mark.parametrize("field", fields.all_fields(), ids=lambda field: field.name)
def test_what_a_field_shows_it_reads_again(field: fields.Field) -> None:
    values: dict[str, Any] = {
        "choice": (field.choices or ("",))[0],
        "number": 3,
        "text": "a word",
        "lines": ["a", "b"],
        "json": {"a": 1},
    }
    assert field.read(field.shown(values[field.kind])) == values[field.kind]
    if field.kind in ("number", "text") and not field.may_be_empty:
        with pytest.raises(ValueError, match="empty"):
            field.read(" ")
