"""Webhooks by the page: made, tested until it arrives, sent again, given another secret, removed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.api.conftest import VIEWER, Api
from tests.api.test_webhooks import Hooks, hooks
from tests.support.raw_receiver import RawReceiver
from tests.web.conftest import Visit

__all__ = ["hooks"]


@pytest.fixture
def receiver() -> Iterator[RawReceiver]:
    with RawReceiver() as receiver:
        yield receiver


def test_a_webhook_is_made_tested_and_sent_again(hooks: Hooks, visit: Visit, receiver: RawReceiver) -> None:
    page = visit().open("/webhooks")
    page.get_by_role("link", name="Add one …").click()
    page.get_by_label("Address").fill(f"http://127.0.0.1:{receiver.port}/hook")
    page.get_by_label("Description").fill("On call")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_label("Signing secret")).to_contain_text("whsec_")
    page.get_by_role("link", name="I have it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("On call")
    page.get_by_role("button", name="Send a test event").click()
    expect(page.get_by_role("row", name="webhook.test")).to_contain_text("pending")
    hooks.notify()
    expect(page.get_by_role("row", name="webhook.test")).to_contain_text("delivered")
    page.get_by_role("button", name="Send again").click()
    hooks.notify()
    expect(page.get_by_role("row", name="webhook.test")).to_contain_text("delivered")
    assert len(receiver.requests) == 2


def test_a_wrong_address_is_said_at_its_field(hooks: Hooks, visit: Visit) -> None:
    page = visit().open("/webhooks/new")
    page.get_by_label("Address").fill("https://10.0.0.1/hook")
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("#url-wrong")).to_be_visible()
    expect(page.get_by_label("Address")).to_have_value("https://10.0.0.1/hook")


def test_a_webhook_gets_another_secret_is_disabled_and_removed(hooks: Hooks, visit: Visit) -> None:
    hooks.create(description="On call")
    page = visit().open("/webhooks")
    page.get_by_role("link", name="On call").click()
    page.get_by_role("link", name="New secret …").click()
    page.get_by_role("button", name="Make a new secret").click()
    expect(page.get_by_label("Signing secret")).to_contain_text("whsec_")
    page.get_by_role("link", name="I have it").click()
    page.get_by_role("link", name="Disable …").click()
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("disabled")
    page.get_by_role("link", name="Delete …").click()
    expect(page.get_by_text("That cannot be taken back.")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nobody is told anything yet.")).to_be_visible()
    assert [event for event, _ in hooks.trail()] == [
        "webhook_created",
        "webhook_secret_rotated",
        "webhook_disabled",
        "webhook_deleted",
    ]


def test_a_viewer_sees_them_and_has_no_buttons(hooks: Hooks, visit: Visit) -> None:
    made = hooks.create()
    page = visit(token=VIEWER).open(f"/webhooks/{made['endpoint_id']}")
    expect(page.get_by_role("button")).to_have_text(["Sign out"])
    expect(page.get_by_role("link", name="…")).to_have_count(0)


def test_without_a_key_the_page_says_what_is_missing(api: Api, visit: Visit) -> None:
    page = visit().open("/webhooks")
    expect(page.get_by_text("WEBHOOK_SECRET_KEY")).to_be_visible()
