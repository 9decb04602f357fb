"""Fixtures of the integration tests."""

from collections.abc import Iterator

import pytest

from tests.conftest import BigQueryEnv
from tests.support.control_plane import ControlPlane
from tests.support.engine import Engine, emulated_source


@pytest.fixture
def plane(migrated_url: str) -> Iterator[ControlPlane]:
    """A control plane of the test's own, without any table."""
    plane = ControlPlane(migrated_url)
    plane.run("DELETE FROM refresh.refresh_table_registry")
    yield plane
    plane.store.close()


@pytest.fixture
def engine(migrated_url: str, bigquery_env: BigQueryEnv, bigquery_dataset: str) -> Iterator[Engine]:
    """The path on a database and a dataset of the test's own."""
    source = emulated_source(bigquery_env.project, bigquery_env.rest_url, bigquery_env.grpc_address)
    engine = Engine(migrated_url, source, bigquery_dataset, bigquery_env.client.query)
    yield engine
    engine.close()
