"""`trigger`, `runs`, `run`, `history`, `replay` and `dead-letters`."""

from __future__ import annotations

from tests.cli.conftest import NARROW, Operator
from tests.support.waiting import wait_for


def test_a_run_is_triggered_watched_and_found_again(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    done = refreshctl.well("trigger", table, "--watch", env=NARROW)
    assert f"{table}: success" in done.out
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    (task,) = refreshctl.well("run", "last", "--json").json["tables"]
    assert (task["table"], task["status"], task["rows_inserted"]) == (table, "success", 3)
    run_id = refreshctl.well("runs", "--json").json["items"][0]["run_id"]
    assert run_id in refreshctl.well("runs").out
    assert table in refreshctl.well("run", run_id).out
    assert refreshctl.well("history", table, "--json").json["items"][0]["run_id"] == run_id
    shown = refreshctl.well("history", table, "--status", "success", env=NARROW).out
    assert table in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_what_was_just_refreshed_needs_force(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    refreshctl.well("trigger", table, "--watch")
    done = refreshctl("trigger", table)
    assert (done.code, done.out) == (4, "")
    assert "less than an hour ago" in done.err
    forced = refreshctl.well("trigger", table, "--force", "--watch", "--json").json
    assert forced["request"]["force"] is True
    assert forced["status"] == "success"


def test_the_same_key_makes_no_second_run(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    first = refreshctl.well("trigger", table, "--key", "k-1", "--json").json
    assert refreshctl.well("trigger", table, "--key", "k-1", "--json").json == first
    refreshctl.well("run", first["run_id"], "--watch")
    assert refreshctl("trigger", "--key", "k-1").code == 4


def test_a_run_that_fails_is_told_by_the_exit_code_and_can_be_replayed(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    refreshctl.system.bigquery(f"INSERT INTO {table} VALUES (1, DATE '2025-06-02', NUMERIC '9')")
    done = refreshctl("trigger", table, "--watch")
    assert done.code == 1
    assert f"{table}: failed (duplicate_key)" in done.out
    failed = refreshctl("run", "last", "--json")
    assert failed.code == 1
    refreshctl.system.bigquery(f"DELETE FROM {table} WHERE amount = NUMERIC '9'")
    replayed = refreshctl("replay", failed.json["run_id"], "--json")
    assert replayed.code == 0
    assert replayed.json["snapshot"] == "original"
    assert refreshctl("run", replayed.json["run_id"], "--watch").code == 1
    assert refreshctl.well("trigger", table, "--force", "--watch")
    nothing = refreshctl("replay", "last")
    assert nothing.code == 4
    assert "no table of run" in nothing.err


def test_what_is_not_there_is_told(refreshctl: Operator) -> None:
    unknown = refreshctl("trigger", "shop.nothing")
    assert unknown.code == 5
    assert "Not registered: shop.nothing" in unknown.err
    assert refreshctl("run", "00000000-0000-0000-0000-000000000000").code == 5
    assert refreshctl("run", "no-id").code == 2
    assert refreshctl("history", "--from", "yesterday").code == 2
    assert refreshctl("runs", "--status", "strange").code == 2
    assert refreshctl("trigger", "--no-such-option").code == 2


def test_with_json_an_error_is_a_problem_document(refreshctl: Operator) -> None:
    done = refreshctl("trigger", "shop.nothing", "--json")
    assert (done.code, done.out) == (5, "")
    assert '"type": "urn:refresh:problem:unknown_table"' in done.err


def test_a_message_that_was_given_up_is_listed_and_sent_again(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    refreshctl.system.stack.scheduler.publish({"version": 7, "kind": "daily"})
    letters = wait_for(
        lambda: [one for one in refreshctl("dead-letters", "list", "--json").json["items"] if "7" in one["reason"]],
        "the dead letter",
    )
    number = str(letters[0]["dead_letter_id"])
    listed = refreshctl.well("dead-letters", "list").out
    assert letters[0]["reason"] in " ".join(listed.split())
    assert refreshctl.well("dead-letters", "send", number)
    assert refreshctl("dead-letters", "send", "999999999").code == 5
    refreshctl.well("trigger", table, "--watch")


def test_what_happened_is_in_the_audit(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    refreshctl.well("trigger", table, "--watch")
    entries = refreshctl.well("audit", table, "--json").json["items"]
    assert {"table_registered", "task_success"} <= {one["event"] for one in entries}, {one["event"] for one in entries}
    assert "--cursor" in refreshctl.well("audit", "--limit", "1").out
