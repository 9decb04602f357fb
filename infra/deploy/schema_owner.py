"""The owner of the schema in Cloud SQL: the migrator's login, and how it becomes the owner the first time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import google.auth
from google.auth.impersonated_credentials import Credentials as Impersonated
from google.auth.transport.requests import AuthorizedSession
from google.cloud.sql.connector import Connector
from pg8000.exceptions import DatabaseError

from infra.deploy.commands import say
from infra.deploy.database import ROLES, login_of
from infra.deploy.errors import DeployError
from shared.adapters.cloudsql import CloudSql
from shared.adapters.postgres import Connect
from shared.domain.quoting import postgres_identifier

_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
_API = "https://sqladmin.googleapis.com/v1/projects/{project}/instances/{instance}/users?name=postgres"
_LOOKS, _LOOK_SECONDS = 60, 2.0


@contextmanager
def schema_owner(database: dict[str, Any]) -> Iterator[CloudSql]:
    """Connections of the migrator, whom the deployer impersonates."""
    source, _ = google.auth.default(scopes=[_PLATFORM])
    credentials = Impersonated(source, target_principal=database["migrator"], target_scopes=[_PLATFORM])
    owner = CloudSql(
        database["instance"],
        database=database["name"],
        user=login_of(database["migrator"]),
        ip_type=database["ip_type"],
        application_name="refresh deploy",
        make_connector=partial(Connector, credentials=credentials),
    )
    try:
        if not _is_owner(owner):
            _make_owner(database, source)
        yield owner
    finally:
        owner.close()


def _is_owner(owner: Connect) -> bool:
    connection = owner()
    try:
        return bool(connection.run("SELECT pg_has_role(current_user, 'cloudsqlsuperuser', 'MEMBER')")[0][0])
    except DatabaseError as error:
        raise DeployError(f"the migrator cannot be examined: {error}") from error
    finally:
        connection.close()


def owner_statements(database: dict[str, Any]) -> list[str]:
    """What makes the migrator the owner of all that will be made; the roles too, since it may make none itself."""
    owner = postgres_identifier(login_of(database["migrator"]))
    known = "SELECT FROM pg_roles WHERE rolname"
    return [
        *(
            f"DO $$ BEGIN IF NOT EXISTS ({known} = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF; END $$"
            for role in ROLES
        ),
        *(f"GRANT {role} TO {owner} WITH ADMIN OPTION" for role in ROLES),
        f"GRANT cloudsqlsuperuser TO {owner}",
        f"GRANT ALL ON DATABASE {postgres_identifier(database['name'])} TO {owner}",
    ]


def _make_owner(database: dict[str, Any], credentials: Any) -> None:
    """Once, as the instance's first user, with a password that lives as long as this call."""
    statements = owner_statements(database)
    if not database["is_created"]:
        raise DeployError(
            "the migrator may not make anything in the existing instance yet. Let one of its administrators run in "
            f"database {database['name']}:\n" + ";\n".join(statements) + ";\nand run deploy.sh again."
        )
    password = secrets.token_urlsafe(32)
    project, _, instance = database["instance"].rsplit(":", 2)
    set_password = partial(_set_password, AuthorizedSession(credentials), project, instance)
    set_password(password)
    first = CloudSql(
        database["instance"], database=database["name"], user="postgres", password=password, ip_type=database["ip_type"]
    )
    try:
        connection = first()
        for statement in statements:
            connection.run(statement)
        connection.close()
    finally:
        first.close()
        set_password(secrets.token_urlsafe(32))
    say(f"made the migrator the owner of database {database['name']}")


def _set_password(session: AuthorizedSession, project: str, instance: str, password: str) -> None:
    answer = session.put(_API.format(project=project, instance=instance), json={"password": password}, timeout=60)
    if not answer.ok:
        raise DeployError(f"Cloud SQL refused to set the password of its first user (HTTP {answer.status_code})")
    _wait_for(session, answer.json().get("selfLink"))


def _wait_for(session: AuthorizedSession, operation: str | None) -> None:
    for _ in range(_LOOKS):
        if operation is None or session.get(operation, timeout=60).json().get("status") == "DONE":
            return
        time.sleep(_LOOK_SECONDS)
    raise DeployError("Cloud SQL did not finish setting a password within two minutes; run deploy.sh again")
