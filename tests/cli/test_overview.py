"""`status` and `doctor`, and what every command says when the API cannot be asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.local.addresses import free_port
from tests.cli.conftest import NARROW, Operator


def test_the_exit_code_of_status_says_whether_all_is_well(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    new = refreshctl("status")
    assert new.code == 1
    assert "It has never been refreshed." in new.out
    refreshctl.well("trigger", table, "--watch")
    well = refreshctl.well("status", "--json").json
    assert well["overall_status"] == "healthy"
    shown = refreshctl.well("status", env=NARROW).out
    assert shown.startswith("healthy 1 of 1 table is fresh")
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown


def test_the_doctor_looks_at_everything(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    refreshctl.well("trigger", table, "--watch")
    found = refreshctl.well("doctor", "--json").json
    assert found["ok"]
    assert [one["what"] for one in found["findings"]] == [
        *("API", "database", "bigquery", "pubsub", "sweep", "tables", "data")
    ]
    assert refreshctl.well("doctor").out.count("ok ") == 7


def test_the_doctor_says_what_to_do(refreshctl: Operator) -> None:
    table = refreshctl.table("orders")
    ill = refreshctl("doctor")
    assert ill.code == 1
    assert f"warning {table}: It has never been refreshed." in ill.out
    assert "→ Wait for the daily trigger" in ill.out
    stranger = refreshctl("doctor", env={"API_TOKEN": "wrong"})
    assert stranger.code == 4
    assert "check API_TOKEN" in stranger.out
    assert refreshctl("doctor", "--json", env={"API_URL": f"http://127.0.0.1:{free_port()}"}).code == 3


@pytest.mark.parametrize("command", [("status",), ("runs",), ("config", "get"), ("trigger",), ("webhooks", "list")])
def test_an_api_that_is_not_there_is_told(refreshctl: Operator, command: tuple[str, ...]) -> None:
    done = refreshctl(*command, env={"API_URL": f"http://127.0.0.1:{free_port()}"})
    assert (done.code, done.out) == (3, "")
    assert "cannot be reached: [Errno 111] Connection refused" in done.err


def test_who_is_not_known_or_may_not_is_told(refreshctl: Operator) -> None:
    unknown = refreshctl("status", env={"API_TOKEN": "wrong"})
    assert unknown.code == 4
    assert "Send a valid bearer token" in unknown.err
    viewer = {"API_TOKEN": refreshctl.system.stack.env["API_VIEWER_TOKEN"]}
    assert refreshctl("runs", env=viewer).code == 0
    refused = refreshctl("trigger", env=viewer)
    assert refused.code == 4
    assert "needs the role operator" in refused.err


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"API_URL": ""}, "where is the API? Set API_URL"),
        ({"API_URL": "refresh.example.com"}, "which is no address"),
        ({"API_TOKEN": ""}, "takes a token: set API_TOKEN"),
    ],
)
def test_what_is_not_set_is_told(refreshctl: Operator, env: dict[str, str], said: str) -> None:
    done = refreshctl("status", env=env)
    assert done.code == 2
    assert said in done.err


@pytest.fixture
def stranger() -> Iterator[str]:
    """A server that is no API of ours."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<html><style>p {}</style><p>Your client does not have permission</p></html>"
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class says so
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_answer_of_something_else_is_told(refreshctl: Operator, stranger: str) -> None:
    done = refreshctl("status", env={"API_URL": stranger})
    assert done.code == 3
    assert "does not answer as the API does: HTTP 403 Your client does not have permission" in done.err
