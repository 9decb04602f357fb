"""BigQuery's two services on loopback, which answer what a test has put down, in the shapes of Google's reference."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

PROJECT = "p"
LOCATION = "europe-west3"
JOB = "refresh_j"
_SERVICE = "google.cloud.bigquery.storage.v1.BigQueryRead"

type Answer = tuple[int, dict[str, Any]]


def refusal(code: int, reason: str, message: str) -> Answer:
    """An error as the REST service answers it."""
    detail = {"domain": "global", "reason": reason, "message": message}
    return code, {"error": {"code": code, "message": message, "errors": [detail], "status": "X"}}


def job(state: str = "DONE", *, reason: str | None = None, message: str = "") -> Answer:
    """A job resource; `reason`: it ended in this error."""
    status: dict[str, Any] = {"state": state}
    if reason is not None:
        status["errorResult"] = {"reason": reason, "message": message}
        status["errors"] = [status["errorResult"]]
    destination = {"projectId": PROJECT, "datasetId": "_anon", "tableId": "result"}
    return 200, {
        "kind": "bigquery#job",
        "id": f"{PROJECT}:{LOCATION}.{JOB}",
        "jobReference": {"projectId": PROJECT, "jobId": JOB, "location": LOCATION},
        "status": status,
        "configuration": {"jobType": "QUERY", "query": {"query": "SELECT 1", "destinationTable": destination}},
        "statistics": {"query": {"totalBytesBilled": "10485760"}},
    }


def estimated(bytes_processed: int) -> Answer:
    """A dry run's job resource: it has no id, and says what it would process."""
    return 200, {
        "kind": "bigquery#job",
        "jobReference": {"projectId": PROJECT, "location": LOCATION},
        "status": {"state": "DONE"},
        "configuration": {"jobType": "QUERY", "dryRun": True, "query": {"query": "SELECT 1"}},
        "statistics": {
            "totalBytesProcessed": str(bytes_processed),
            "query": {"totalBytesProcessed": str(bytes_processed)},
        },
    }


_RESULTS: Answer = (
    200,
    {
        "kind": "bigquery#getQueryResultsResponse",
        "jobReference": {"projectId": PROJECT, "jobId": JOB, "location": LOCATION},
        "jobComplete": True,
        "totalRows": "1",
        "schema": {"fields": [{"name": "n", "type": "INTEGER"}]},
    },
)


class RestStub:
    """A context manager. Answers in `script` are given first, by kind: insert, job, results, table; then good ones."""

    def __init__(self) -> None:
        self.script: defaultdict[str, list[Answer]] = defaultdict(list)
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        self._usual = {
            "insert": job(),
            "job": job(),
            "results": _RESULTS,
            "table": refusal(404, "notFound", "Not found"),
        }
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def always(self, kind: str, answer: Answer) -> None:
        """Give this answer to every call of the kind."""
        self._usual[kind] = answer

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str) -> Answer:
        """The answer to a request."""
        address = urlsplit(target)
        kind = _kind(method, address.path)
        self.asked.append((kind, parse_qs(address.query)))
        return self.script[kind].pop(0) if self.script[kind] else self._usual[kind]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._reply()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self._reply()

            def _reply(self) -> None:
                status, body = stub.answer(self.command, self.path)
                payload = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class says so
                return

        return Handler


def _kind(method: str, path: str) -> str:
    parts = path.split("/")
    if method == "POST":
        return "insert"
    return {"jobs": "job", "queries": "results"}.get(parts[5], "table")


type Event = int | grpc.StatusCode
"""A number of rows that a stream yields in one message, or what it breaks off with."""


class StorageStub:
    """A context manager: one read session with one stream of ten rows, numbered from 0.

    `sessions`: with what opening a session fails, call by call. `reads`: what each ReadRows call does, from its offset
    on; when they are used up, a call yields all the rest.
    """

    ROWS = 10

    def __init__(self) -> None:
        self.sessions: list[grpc.StatusCode] = []
        self.reads: list[list[Event]] = []
        self.offsets: list[int] = []
        self._server = grpc.server(ThreadPoolExecutor(4))
        methods = {
            "CreateReadSession": grpc.unary_unary_rpc_method_handler(
                self._create_session,
                request_deserializer=types.CreateReadSessionRequest.deserialize,
                response_serializer=types.ReadSession.serialize,
            ),
            "ReadRows": grpc.unary_stream_rpc_method_handler(
                self._read_rows,
                request_deserializer=types.ReadRowsRequest.deserialize,
                response_serializer=types.ReadRowsResponse.serialize,
            ),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, methods),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(grace=None).wait()

    def _create_session(self, request: types.CreateReadSessionRequest, context: grpc.ServicerContext) -> Any:
        if self.sessions:
            context.abort(self.sessions.pop(0), "as the test wants it")
        return types.ReadSession(name="session", streams=[types.ReadStream(name="stream")])

    def _read_rows(self, request: types.ReadRowsRequest, context: grpc.ServicerContext) -> Iterator[Any]:
        offset = request.offset
        self.offsets.append(offset)
        for event in self.reads.pop(0) if self.reads else [self.ROWS - offset]:
            if isinstance(event, grpc.StatusCode):
                context.abort(event, "as the test wants it")
            yield _message(offset, event)
            offset += event


def _message(first: int, rows: int) -> types.ReadRowsResponse:
    batch = pa.record_batch({"n": pa.array(range(first, first + rows), pa.int64())})
    return types.ReadRowsResponse(
        row_count=rows,
        arrow_schema=types.ArrowSchema(serialized_schema=batch.schema.serialize().to_pybytes()),
        arrow_record_batch=types.ArrowRecordBatch(
            serialized_record_batch=batch.serialize().to_pybytes(), row_count=rows
        ),
    )
