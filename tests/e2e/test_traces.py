"""A run is one trace, from the call that asks for it through every message to the webhooks' notifier."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from infra.local.stack import PROJECT, ROOT
from tests.e2e.system import System, running_system
from tests.support.otlp_receiver import OtlpReceiver, Seen
from tests.support.raw_receiver import RawReceiver, status
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as one:
        yield one


@pytest.fixture(scope="module")
def traced(receiver: OtlpReceiver, session_folder: Path) -> Iterator[System]:
    """A stack that sends its spans to the receiver, with a table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFRESH_TRACES", receiver.url)
        patch.setenv("REFRESH_WEBHOOK_ALLOW_LOOPBACK", "127.0.0.1:*")
        with running_system("embedded", session_folder) as system:
            system.bigquery("CREATE SCHEMA traced")
            system.bigquery("CREATE TABLE traced.orders (id INT64)")
            system.bigquery("INSERT INTO traced.orders VALUES (1), (2)")
            system.sql("CREATE SCHEMA traced")
            system.sql("CREATE TABLE traced.orders (id bigint PRIMARY KEY)")
            # A row that is there keeps the table from being filled without staging, so that every step is taken.
            system.sql("INSERT INTO traced.orders VALUES (1)")
            system.register("traced.orders", f"{PROJECT}.traced.orders")
            yield system


def _post(system: System, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{system.stack.env['API_URL']}/api/refresh/{path}",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {system.stack.env['API_TOKEN']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        document: dict[str, Any] = json.load(answer)
        return document


def _trigger(system: System) -> UUID:
    return UUID(_post(system, "trigger", {"force": True})["run_id"])


def _trace_of(system: System, run_id: UUID) -> str:
    (run,) = system.sql("SELECT traceparent FROM refresh.refresh_run WHERE run_id = :run", run=run_id)
    return str(run["traceparent"]).split("-")[1]


def _services(spans: list[Seen]) -> set[str]:
    return {one.service.removeprefix("refresh-") for one in spans}


def test_one_trace_goes_through_api_orchestrator_worker_and_notifier(traced: System, receiver: OtlpReceiver) -> None:
    run_id = _trigger(traced)
    assert traced.ended(run_id)["traced.orders"]["status"] == "success"
    trace_id = _trace_of(traced, run_id)
    everybody = {"api", "orchestrator", "generic", "notifier"}
    wait_for(lambda: _services(receiver.trace(trace_id)) >= everybody, "spans of every function")
    spans = receiver.trace(trace_id)
    names = {one.name for one in spans}
    steps = {"plan", "load slice", "extract", "stage", "reconcile", "publish", "merge"}
    messages = {"plan requested run", "refresh table", "advance run", "owe event to webhooks"}
    assert names >= {"POST request"} | messages | steps
    known = {one.span_id: one for one in spans}
    roots = [one for one in spans if one.parent_id not in known]
    assert [one.name for one in roots] == ["POST request"]
    (event,) = [one for one in spans if one.name == "owe event to webhooks"]
    assert known[event.parent_id].name == "publish"
    (table,) = [one for one in spans if one.name == "refresh table" and "plan" in _children(spans, one)]
    assert table.attributes["refresh.table"] == "traced.orders"
    (published,) = [one for one in spans if one.name == "publish"]
    assert "publish_committed" in published.events


def test_posts_to_webhooks_belong_to_the_trace_of_their_event(traced: System, receiver: OtlpReceiver) -> None:
    with RawReceiver(status(503)) as hook:
        endpoint = _hook(traced, hook.url(path="/hook?token=hush"))
        run_id = _trigger(traced)
        traced.ended(run_id)
        trace_id = _trace_of(traced, run_id)
        wait_for(lambda: _posts(receiver, trace_id), "the span of the first attempt")
        hook.behave = status(204)
        wait_for(lambda: len(_posts(receiver, trace_id)) == 2, "the span of the second attempt")
    known = {one.span_id: one.name for one in receiver.trace(trace_id)}
    posts = _posts(receiver, trace_id)
    assert [known[one.parent_id] for one in posts] == ["owe event to webhooks"] * 2
    assert {one.attributes["refresh.endpoint"] for one in posts} == {endpoint}
    told = ("refresh.attempt", "http.response.status_code", "refresh.fate")
    assert [tuple(one.attributes[name] for name in told) for one in posts] == [(1, 503, "retry"), (2, 204, "delivered")]
    assert not any("hush" in str(one) or "whsec_" in str(one) for one in receiver.spans)


def _hook(system: System, url: str) -> str:
    made = _post(system, "webhooks", {"url": url, "events": ["refresh.completed"]})
    return str(made["endpoint_id"])


def _posts(receiver: OtlpReceiver, trace_id: str) -> list[Seen]:
    posts = [one for one in receiver.trace(trace_id) if one.name == "post webhook"]
    return sorted(posts, key=lambda one: one.attributes["refresh.attempt"])


def _children(spans: list[Seen], parent: Seen) -> set[str]:
    return {one.name for one in spans if one.parent_id == parent.span_id}


def test_the_daily_run_is_a_trace_that_the_orchestrator_begins(traced: System, receiver: OtlpReceiver) -> None:
    run_id = traced.daily("2025-06-02T06:00:00Z")
    traced.ended(run_id)
    trace_id = _trace_of(traced, run_id)
    wait_for(lambda: _services(receiver.trace(trace_id)) >= {"orchestrator", "generic"}, "spans of the daily run")
    assert "plan daily run" in {one.name for one in receiver.trace(trace_id)}
    assert {one.name for one in receiver.spans} & {"sweep", "swept"} == set()


def test_what_a_sweep_owes_belongs_to_the_runs_trace(traced: System, receiver: OtlpReceiver) -> None:
    run_id = _trigger(traced)
    traced.ended(run_id)
    (run,) = traced.sql("SELECT traceparent FROM refresh.refresh_run WHERE run_id = :run", run=run_id)
    (owed,) = traced.sql(
        "INSERT INTO refresh.refresh_outbox (topic, payload, published_at) "
        "VALUES ('refresh-generic', jsonb_build_object('run_id', CAST(:run AS text)), now()) RETURNING attributes",
        run=str(run_id),
    )
    assert owed["attributes"] == {"traceparent": run["traceparent"]}


def test_logs_name_the_trace(traced: System) -> None:
    run_id = _trigger(traced)
    traced.ended(run_id)
    trace = f"projects/{PROJECT}/traces/{_trace_of(traced, run_id)}"
    log = traced.stack.logs / "function-generic.log"
    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert [one for one in events if one.get("logging.googleapis.com/trace") == trace]


def test_a_receiver_that_is_gone_holds_nothing_up(traced: System, receiver: OtlpReceiver) -> None:
    receiver.stop()
    assert traced.ended(_trigger(traced))["traced.orders"]["status"] in ("success", "no_new_data")


def test_without_the_setting_nothing_of_it_is_loaded() -> None:
    script = (
        "import sys, os\n"
        "os.environ |= {'GOOGLE_CLOUD_PROJECT': 'p', 'DATABASE_URL': 'postgresql://a:b@127.0.0.1:1/c'}\n"
        "import functions.generic.main\n"
        "from shared import wiring\n"
        "wiring.settings(), wiring.store(), wiring.source(), wiring.bus()\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.exporter', 'opentelemetry.sdk'))])\n"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("REFRESH_")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=plain, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
