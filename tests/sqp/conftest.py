"""One migrated database for all tests of the warehouse's views and functions, emptied before each."""

import uuid
from collections.abc import Iterator

import pg8000.native
import pytest

from infra.local.postgres import Postgres
from shared.adapters.database_url import connection_arguments
from tests.sqp.warehouse import empty


@pytest.fixture(scope="session")
def warehouse_url(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    name = f"warehouse_{uuid.uuid4().hex[:12]}"
    yield postgres.ensure_database(name, template=migrated_template)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def warehouse_connection(warehouse_url: str) -> Iterator[pg8000.native.Connection]:
    connection = pg8000.native.Connection(**connection_arguments(warehouse_url))
    yield connection
    connection.close()


@pytest.fixture
def warehouse(warehouse_connection: pg8000.native.Connection) -> pg8000.native.Connection:
    """A connection to an empty warehouse. A transaction that a test leaves open is rolled back."""
    warehouse_connection.run("ROLLBACK")
    empty(warehouse_connection)
    return warehouse_connection
