"""Messages come again, by a seek of Pub/Sub or because somebody publishes them anew: the end state is the same."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.pubsub_v1.types import PubsubMessage, SeekRequest

from infra.local.pubsub import SUBSCRIBERS, publisher, subscriber
from infra.local.stack import PROJECT
from shared.ports import Row
from tests.e2e.system import System
from tests.support.waiting import wait_for

_STATE = {
    "runs": "SELECT * FROM refresh.refresh_run ORDER BY run_id",
    "tasks": "SELECT * FROM refresh.refresh_task ORDER BY run_id, table_name",
    "scopes": "SELECT * FROM refresh.refresh_partition_state ORDER BY table_name, scope",
    "audit": "SELECT * FROM refresh.refresh_audit_log ORDER BY audit_id",
    "dead letters": "SELECT message_id FROM refresh.refresh_dead_letter ORDER BY 1",
    "owed": "SELECT payload FROM refresh.refresh_outbox WHERE published_at IS NULL",
}
_TABLES = ("first", "second")


def _prepare(system: System, schema: str) -> None:
    """Two tables in BigQuery and Postgres, and a view over the first."""
    system.bigquery(f"CREATE SCHEMA {schema}")
    system.sql(f"CREATE SCHEMA {schema}")
    for name in _TABLES:
        system.bigquery(f"CREATE TABLE {schema}.{name} (id INT64, day DATE)")
        system.bigquery(f"INSERT INTO {schema}.{name} VALUES (1, DATE '2025-06-01'), (2, DATE '2025-06-02')")
        system.sql(f"CREATE TABLE {schema}.{name} (id bigint PRIMARY KEY, day date)")
        system.register(f"{schema}.{name}", f"{PROJECT}.{schema}.{name}", scope_column="day")
    system.sql(f"CREATE MATERIALIZED VIEW {schema}.days AS SELECT day, count(*) AS n FROM {schema}.first GROUP BY day")
    system.sql(f"CREATE UNIQUE INDEX ON {schema}.days (day)")
    system.register(f"{schema}.days", "", handler="summaries")
    system.sql(f"INSERT INTO refresh.refresh_dependency VALUES ('{schema}', 'days', '{schema}', 'first', 'hard')")


def _state(system: System, schema: str) -> dict[str, list[Row]]:
    targets = {name: f"SELECT * FROM {schema}.{name} ORDER BY 1" for name in (*_TABLES, "days")}
    return {what: system.sql(text) for what, text in (_STATE | targets).items()}


def _answered(system: System) -> Counter[str]:
    """How often each message was answered, by the functions' logs."""
    found: Counter[str] = Counter()
    for function in set(SUBSCRIBERS.values()):
        for line in (system.stack.logs / f"function-{function}.log").read_text().splitlines():
            event: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
            if event.get("message") == "delivery_answered":
                found[event["message_id"]] += 1
    return found


def _seek(system: System, moment: datetime) -> None:
    with subscriber(system.stack.pubsub.address) as client:
        for topic in SUBSCRIBERS:
            name = f"projects/{PROJECT}/subscriptions/{topic}-push"
            client.seek(request=SeekRequest(subscription=name, time=moment))


def _quiet(system: System) -> None:
    """Wait until nothing is owed, and every message that was ever sent has been answered."""

    def settled() -> bool:
        owed = system.sql("SELECT FROM refresh.refresh_outbox WHERE published_at IS NULL")
        sent = system.sql("SELECT count(*) AS number FROM refresh.refresh_outbox")[0]["number"]
        return not owed and len(_answered(system)) >= sent

    wait_for(settled, "every message to be answered", timeout=120)


def _day_and_its_replays(system: System, schema: str) -> None:
    began = datetime.now(UTC) - timedelta(minutes=5)
    _prepare(system, schema)
    run = system.daily("2025-06-02T06:00:00Z")
    _seek(system, began)  # in the middle of the run
    assert {task["status"] for task in system.ended(run).values()} == {"success"}
    system.bigquery(f"UPDATE {schema}.first SET id = 3 WHERE id = 2")
    again = system.daily("2025-06-03T06:00:00Z")
    assert {task["status"] for task in system.ended(again).values()} == {"success", "no_new_data"}
    _quiet(system)
    before, answered = _state(system, schema), _answered(system)
    assert [row["id"] for row in before["first"]] == [1, 3]

    _seek(system, began)
    wait_for(
        lambda: all(_answered(system)[one] > times for one, times in answered.items()),
        "every message to be answered once more",
        timeout=120,
    )
    assert _state(system, schema) == before

    owed = system.sql("SELECT topic, payload, attributes FROM refresh.refresh_outbox ORDER BY outbox_id DESC")
    with publisher(system.stack.pubsub.address) as client:
        sent = [
            client.publish(
                topic=f"projects/{PROJECT}/topics/{one['topic']}",
                messages=[PubsubMessage(data=json.dumps(one["payload"]).encode(), attributes=one["attributes"])],
            ).message_ids[0]
            for one in owed
        ]
    assert len(sent) > 8
    wait_for(lambda: set(sent) <= _answered(system).keys(), "what was published anew", timeout=120)
    assert _state(system, schema) == before


@pytest.mark.timeout(400)
def test_a_seek_and_messages_published_anew_change_nothing(system: System) -> None:
    _day_and_its_replays(system, "sought")


@pytest.mark.timeout(400)
def test_a_seek_on_googles_emulator_changes_nothing_either(official_system: System) -> None:
    _day_and_its_replays(official_system, "sought")


def _publish(system: System, topic: str, body: dict[str, Any], **attributes: str) -> None:
    with publisher(system.stack.pubsub.address) as client:
        message = PubsubMessage(data=json.dumps(body).encode(), attributes=attributes)
        client.publish(topic=f"projects/{PROJECT}/topics/{topic}", messages=[message])


def _api(system: System, method: str, path: str) -> Any:
    request = urllib.request.Request(
        f"{system.stack.env['API_URL']}{path}",
        method=method,
        headers={"Authorization": f"Bearer {system.stack.env['API_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _letters(system: System, text: str) -> list[dict[str, Any]]:
    """The dead letters whose message has the text, newest first."""
    listed = _api(system, "GET", "/api/refresh/dead-letters")["items"]
    return [one for one in listed if text in one["payload"]]


def _dead_letters(system: System, schema: str) -> None:
    """A message that nobody can read is listed with its reason; one that was given up is sent again, and does its work.

    Its run is never swept, so nothing else can have done it.
    """
    system.bigquery(f"CREATE SCHEMA {schema}")
    system.bigquery(f"CREATE TABLE {schema}.given_up (id INT64)")
    system.bigquery(f"INSERT INTO {schema}.given_up VALUES (1), (2)")
    system.sql(f"CREATE SCHEMA {schema}")
    system.sql(f"CREATE TABLE {schema}.given_up (id bigint PRIMARY KEY)")
    system.register(f"{schema}.given_up", f"{PROJECT}.{schema}.given_up")

    _publish(system, "refresh-generic", {"version": 7, "run_id": schema})
    (poison,) = wait_for(lambda: _letters(system, schema), "the poison message", timeout=120)
    assert (poison["topic"], poison["reason"]) == ("refresh-generic", "unknown_version: 7, only 1 is known")
    _api(system, "POST", f"/api/refresh/dead-letters/{poison['dead_letter_id']}/send")
    wait_for(lambda: len(_letters(system, schema)) == 2, "the poison message again", timeout=120)

    with system.store.transaction() as session:
        (asked,) = session.run("SELECT refresh.request_run(ARRAY[:table]) AS run_id", table=f"{schema}.given_up")
        session.run("DELETE FROM refresh.refresh_outbox WHERE payload ->> 'run_id' = :run", run=str(asked["run_id"]))
    lost: dict[str, Any] = {"version": 1, "kind": "manual", "run_id": str(asked["run_id"])}
    forwarded = {"CloudPubSubDeadLetterSourceSubscription": "refresh-schedule-push"}
    _publish(system, "refresh-dead-letter", lost, **forwarded)
    (letter,) = wait_for(lambda: _letters(system, lost["run_id"]), "the letter", timeout=120)
    assert (letter["topic"], letter["reason"]) == ("refresh-schedule", "delivery_attempts_exhausted")
    assert system.sql(f"SELECT count(*) AS n FROM {schema}.given_up") == [{"n": 0}]
    _api(system, "POST", f"/api/refresh/dead-letters/{letter['dead_letter_id']}/send")
    wait_for(lambda: system.sql(f"SELECT FROM {schema}.given_up"), "the refresh", timeout=120)
    assert len(system.sql(f"SELECT FROM {schema}.given_up")) == 2


@pytest.mark.timeout(400)
def test_dead_letters_are_listed_and_sent_again(system: System) -> None:
    _dead_letters(system, "dead")


@pytest.mark.timeout(400)
def test_dead_letters_on_googles_emulator_too(official_system: System) -> None:
    _dead_letters(official_system, "dead")
