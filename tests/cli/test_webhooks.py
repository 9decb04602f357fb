"""`webhooks`."""

from __future__ import annotations

from tests.cli.conftest import Operator
from tests.support.waiting import wait_for

_URL = "https://127.0.0.2.example.invalid/hook"


def test_an_endpoint_from_its_beginning_to_its_end(refreshctl: Operator) -> None:
    made = refreshctl.well("webhooks", "add", _URL, "--event", "refresh.failed", "--table", "shop.*", "--json").json
    endpoint = made["endpoint_id"]
    assert made["secret"].startswith("whsec_")
    assert (made["events"], made["tables"]) == (["refresh.failed"], ["shop.*"])
    assert _URL in refreshctl.well("webhooks", "list").out
    assert refreshctl.well("webhooks", "show", endpoint, "--json").json["state"] == "enabled"
    assert refreshctl.well("webhooks", "set", endpoint, "--disable", "--json").json["state"] == "disabled"
    assert refreshctl("webhooks", "test", endpoint).code == 4
    changed = refreshctl.well("webhooks", "set", endpoint, "--enable", "--description", "the team", "--json").json
    assert (changed["state"], changed["description"]) == ("enabled", "the team")
    assert "whsec_" in refreshctl.well("webhooks", "rotate", endpoint, "--overlap", "1").out
    asked = refreshctl("webhooks", "remove", endpoint)
    assert asked.code == 2
    refreshctl.well("webhooks", "remove", endpoint, "--yes")
    assert refreshctl("webhooks", "show", endpoint).code == 5


def test_what_was_sent_is_listed_and_sent_again(refreshctl: Operator) -> None:
    endpoint = refreshctl.well("webhooks", "add", _URL, "--json").json["endpoint_id"]
    refreshctl.well("webhooks", "test", endpoint)
    found = wait_for(
        lambda: [
            one
            for one in refreshctl.well("webhooks", "deliveries", endpoint, "--json").json["items"]
            if one["attempt"] and one["next_attempt_at"]
        ],
        "the first attempt",
    )
    assert found[0]["event_type"] == "webhook.test"
    shown = refreshctl.well("webhooks", "deliveries", endpoint, "--state", "pending").out
    assert found[0]["delivery_id"] in shown
    refreshctl.well("webhooks", "redeliver", endpoint, found[0]["delivery_id"])
    assert refreshctl.well("webhooks", "recover", endpoint, "--since", "2025-01-01T00:00:00Z")
    assert refreshctl("webhooks", "redeliver", endpoint, "00000000-0000-0000-0000-000000000000").code == 5


def test_a_wrong_address_is_refused(refreshctl: Operator) -> None:
    done = refreshctl("webhooks", "add", "http://169.254.169.254/")
    assert done.code == 2
    assert "url" in done.err
