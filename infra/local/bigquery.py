"""The BigQuery emulator `local-bigquery`: REST, and Storage Read over gRPC, on loopback."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from infra.local.addresses import LOOPBACK, answers, free_port
from infra.local.process import PartFailedError, Process

_EXTENSIONS = ("ducklake", "icu", "spatial")
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
            env={**os.environ, "HOME": str(duckdb_home(self._data_dir, self._log))},
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


def duckdb_home(data_dir: Path, log: Path) -> Path:
    """A HOME that has DuckDB's extensions: beside the interpreter's packages, else in `data_dir`."""
    shared = Path(sys.prefix) / "duckdb-home"
    if shared.exists():
        return shared
    home = shared if os.access(sys.prefix, os.W_OK) else data_dir / "duckdb-home"
    if not home.exists():
        _install_extensions(home, log)
    return home


def _install_extensions(home: Path, log: Path) -> None:
    """Install the extensions from their wheels' files; whoever renames first wins, where two do it at once."""
    half = Path(tempfile.mkdtemp(prefix="duckdb-home-", dir=home.parent))
    half.chmod(0o755)
    files = [_extension_file(name) for name in _EXTENSIONS]
    program = "import duckdb, sys\nfor file in sys.argv[1:]: duckdb.execute(f\"INSTALL '{file}'\")"
    with log.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "-c", program, *files],
            env={**os.environ, "HOME": str(half)},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        shutil.rmtree(half)
        raise PartFailedError("bigquery", "DuckDB's extensions could not be installed", log)
    try:
        half.rename(home)
    except OSError:
        shutil.rmtree(half)


def _extension_file(name: str) -> Path:
    spec = find_spec(f"duckdb_extension_{name}")
    if spec is None or spec.origin is None:
        raise PartFailedError("bigquery", f"duckdb-extension-{name} is not installed; `make setup` installs it")
    return next(Path(spec.origin).parent.glob("extensions/*/*.duckdb_extension"))
