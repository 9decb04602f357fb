"""Fixtures of real servers, one of each for the whole session; every test gets a database of its own.

REFRESH_TEST_PG_BIN: the `bin` folder of another PostgreSQL to test against, unset: the embedded one.
"""

import os
import uuid
from collections.abc import Iterator
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
_TEST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, kw_only=True)
class BigQueryEnv:
    """The session's BigQuery emulator and its clients."""

    project: str
    rest_url: str
    grpc_address: str
    client: bigquery.Client
    storage_client: BigQueryReadClient


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the session's servers are; they end even if the session is killed."""
    folder = tmp_path_factory.mktemp("session")
    with Reaper(folder):
        yield folder


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


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """An empty database of the test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield postgres.ensure_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def migrated_template(postgres: Postgres) -> str:
    """The name of a database with all migrations applied, made once and copied by `migrated_url`."""
    name = "migrated_template"
    migrate(postgres.ensure_database(name))
    return name


@pytest.fixture
def migrated_url(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """A database of the test's own with the control plane in it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield postgres.ensure_database(name, template=migrated_template)
    postgres.drop_database(name)


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
