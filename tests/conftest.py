"""Fixtures of real servers, one of each for the whole session; every test gets a database of its own.

REFRESH_TEST_PG_BIN: the `bin` folder of another PostgreSQL to test against, unset: the embedded one.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from hypothesis import settings

from infra.local.bigquery import BigQuery
from infra.local.postgres import Postgres
from infra.local.reaper import Reaper
from infra.migrations.run import migrate

PROJECT = "test-refresh"

# A machine that is busy makes no example wrong.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

# Nothing here has to survive a power cut, and databases are made by the hundred.
_TEST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "256MB"}
_MEMORY = Path("/dev/shm")
_MUCH_MEMORY = 8 * 1024**3


class Databases:
    """Makes a database for each test. It is dropped when the next one is made: by then its sessions have ended, for
    which the server otherwise waits a tenth of a second."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._done: list[str] = []

    @contextmanager
    def made(self, *, template: str | None = None) -> Iterator[str]:
        """The address of a new database."""
        while self._done:
            self._server.drop_database(self._done.pop())
        name = f"test_{uuid.uuid4().hex[:12]}"
        yield self._server.ensure_database(name, template=template)
        self._done.append(name)


@dataclass(frozen=True, kw_only=True)
class BigQueryEnv:
    """The session's BigQuery emulator and its clients."""

    project: str
    rest_url: str
    grpc_address: str
    client: bigquery.Client
    storage_client: BigQueryReadClient


def _much_memory() -> bool:
    """Whether this machine has so much memory for files that what servers keep of tests is a small part of it."""
    if not _MEMORY.is_dir() or os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(_MEMORY).free >= _MUCH_MEMORY


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the session's servers are, in memory where there is much: databases and datasets are made by the hundred.

    They end, and it goes, even if the session is killed.
    """
    if _much_memory():
        folder = Path(tempfile.mkdtemp(prefix="refresh-tests-", dir=_MEMORY))
    else:
        folder = tmp_path_factory.mktemp("session")
    folder.chmod(0o711)  # the server's user may be another one, who must be able to pass through
    with Reaper(folder):
        yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(session_folder: Path) -> Iterator[Postgres]:
    """The session's server. Tests that stop a server start one of their own."""
    chosen = os.environ.get("REFRESH_TEST_PG_BIN")
    server = Postgres(
        session_folder / "data" / "postgres",
        log=session_folder / "postgres.log",
        bin_dir=Path(chosen) if chosen else None,
        settings=_TEST_SETTINGS,
    )
    with server:
        yield server
    server.remove()


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Databases:
    """Databases of tests' own."""
    return Databases(postgres)


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """An empty database of the test's own."""
    with databases.made() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_template(postgres: Postgres) -> str:
    """The name of a database with all migrations applied, made once and copied by `migrated_url`."""
    name = "migrated_template"
    migrate(postgres.ensure_database(name))
    return name


@pytest.fixture
def migrated_url(databases: Databases, migrated_template: str) -> Iterator[str]:
    """A database of the test's own with the control plane in it."""
    with databases.made(template=migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def bigquery_env(session_folder: Path) -> Iterator[BigQueryEnv]:
    """The session's BigQuery emulator; tests keep apart by datasets of their own (`bigquery_dataset`)."""
    emulator = BigQuery(session_folder / "bigquery", log=session_folder / "bigquery.log", project=PROJECT)
    try:
        emulator.start()
        yield BigQueryEnv(
            project=PROJECT,
            rest_url=emulator.rest_url,
            grpc_address=emulator.grpc_address,
            client=emulator.client(),
            storage_client=emulator.storage_client(),
        )
    finally:
        emulator.stop()


@pytest.fixture
def bigquery_dataset(bigquery_env: BigQueryEnv) -> Iterator[str]:
    """The id of a dataset of the test's own, `project.dataset`."""
    dataset = f"{bigquery_env.project}.test_{uuid.uuid4().hex[:12]}"
    bigquery_env.client.create_dataset(dataset)
    yield dataset
    bigquery_env.client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)
