"""How the migrator becomes the owner in Cloud SQL, as far as a Postgres without Google around it can show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pg8000.native
import pytest

from infra.deploy.errors import DeployError
from infra.deploy.schema_owner import _make_owner, owner_statements
from shared.adapters.database_url import connection_arguments

_MIGRATOR = "refresh-migrator@some-project.iam.gserviceaccount.com"
_LOGIN = "refresh-migrator@some-project.iam"


@pytest.fixture
def connection(postgres_url: str) -> Iterator[pg8000.native.Connection]:
    """A server with what an instance has at first; nothing of it is kept."""
    made = pg8000.native.Connection(**connection_arguments(postgres_url))
    made.run("BEGIN")
    made.run(f'CREATE ROLE cloudsqlsuperuser NOLOGIN; CREATE ROLE "{_LOGIN}" LOGIN')
    yield made
    made.run("ROLLBACK")
    made.close()


def _database(name: str, *, is_created: bool = True) -> dict[str, Any]:
    return {"name": name, "instance": "some-project:r:refresh", "migrator": _MIGRATOR, "is_created": is_created}


def test_the_statements_make_an_owner_and_may_be_run_twice(connection: pg8000.native.Connection) -> None:
    (name,) = connection.run("SELECT current_database()")[0]
    for statement in owner_statements(_database(name)) * 2:
        connection.run(statement)
    found = connection.run(
        "SELECT pg_has_role(:login, 'cloudsqlsuperuser', 'MEMBER'), "
        "pg_has_role(:login, 'refresh_loader', 'USAGE WITH ADMIN OPTION'), "
        "has_database_privilege(:login, current_database(), 'CREATE')",
        login=_LOGIN,
    )
    assert found == [[True, True, True]]


def test_an_instance_of_somebody_else_is_left_to_its_administrator() -> None:
    with pytest.raises(DeployError) as refused:
        _make_owner(_database("refresh", is_created=False), None)
    for statement in owner_statements(_database("refresh")):
        assert statement + ";" in str(refused.value)
