"""The BigQuery emulator `local-bigquery`: REST, and Storage Read over gRPC, on loopback."""

import os
import sys
from pathlib import Path

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from infra.local.addresses import LOOPBACK, answers, free_port
from infra.local.duckdb_home import duckdb_home
from infra.local.process import Process

_START_SECONDS = 60


class BigQuery:
    """The emulator on two free ports. `data_dir`: its data, which survive; `project`: the default project."""

    def __init__(self, data_dir: Path, *, log: Path, project: str) -> None:
        self._data_dir = data_dir
        self._log = log
        self._project = project
        self._rest_port = free_port()
        self._grpc_port = free_port()
        self._process: Process | None = None

    @property
    def rest_url(self) -> str:
        return f"http://{LOOPBACK}:{self._rest_port}"

    @property
    def grpc_address(self) -> str:
        return f"{LOOPBACK}:{self._grpc_port}"

    def start(self) -> None:
        """Start it and return when both ports answer. Raises PartFailedError with the end of the log."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start it without waiting."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        program = Path(sys.executable).with_name("local-bigquery")
        ports = ["--port", str(self._rest_port), "--grpc-port", str(self._grpc_port)]
        where = ["--host", LOOPBACK, *ports, "--data-dir", str(self._data_dir), "--project", self._project]
        self._process = Process(
            "bigquery",
            [program, *where],
            log=self._log,
            cwd=self._data_dir,
            env={**os.environ, "HOME": str(duckdb_home(self._data_dir))},
        )
        self._process.start()

    def wait_ready(self) -> None:
        if self._process is None:
            raise RuntimeError("bigquery was not started")
        self._process.wait_ready(self._answers, timeout=_START_SECONDS)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()

    def client(self) -> bigquery.Client:
        """A client of this emulator, for its default project."""
        return bigquery.Client(
            project=self._project,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self.rest_url},
        )

    def storage_client(self) -> BigQueryReadClient:
        """A Storage Read client of this emulator; one stream is one message there, so its size has no limit."""
        channel = grpc.insecure_channel(self.grpc_address, options=[("grpc.max_receive_message_length", -1)])
        return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))

    def _answers(self) -> bool:
        return answers(self._rest_port) and answers(self._grpc_port)
