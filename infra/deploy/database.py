"""The database's part: its owner, the migrations, and which login has which role."""

from __future__ import annotations

from typing import Any

from infra.deploy.commands import gcloud, say
from infra.deploy.environment import Environment
from infra.deploy.errors import DeployError
from infra.migrations.files import MigrationError
from infra.migrations.run import migrate
from shared.adapters.postgres import Connect, PostgresStore
from shared.domain.errors import RefreshError
from shared.domain.quoting import postgres_identifier
from shared.ports import Session

ROLES = ("refresh_loader", "refresh_api", "refresh_notifier", "refresh_reader", "refresh_check")


def migrate_database(environment: Environment, outputs: dict[str, Any]) -> None:
    """Apply the migrations as the schema's owner, and give the logins their roles. Twice does no harm."""
    database = outputs["database"]
    try:
        if database is None:
            _migrate(_database_url(environment, outputs["database_url_secret"]), dict.fromkeys(ROLES[:3]))
        else:
            logins = {login_of(email): role for email, role in database["roles"].items()}
            from infra.deploy.schema_owner import schema_owner

            with schema_owner(database) as connect:
                _migrate(connect, {role: [one for one in logins if logins[one] == role] for role in ROLES[:3]})
    except (MigrationError, RefreshError) as error:
        raise DeployError(f"the database could not be migrated: {error}") from error


def login_of(email: str) -> str:
    """The database login of a service account."""
    return email.removesuffix(".gserviceaccount.com")


def _database_url(environment: Environment, secret: str) -> str:
    path = ["secrets", "versions", "access", "latest", f"--secret={secret}"]
    return gcloud(*path, project=environment.project, secret=True).strip()


def _migrate(database: str | Connect, logins: dict[str, list[str]] | dict[str, None]) -> None:
    """`logins`: the logins of each role; None stands for the login that migrates, where all functions share it."""
    applied = migrate(database)
    for name in applied:
        say(f"applied {name}")
    if not applied:
        say("the database's schema is up to date")
    store = PostgresStore(database, application_name="refresh deploy")
    try:
        with store.transaction() as session:
            for role, names in logins.items():
                for name in names if names is not None else [_current_user(session)]:
                    _grant(session, role, name)
    finally:
        store.close()


def _grant(session: Session, role: str, login: str) -> None:
    (row,) = session.run("SELECT pg_has_role(:login, :role, 'USAGE') AS has", login=login, role=role)
    if not row["has"]:
        session.run(f"GRANT {postgres_identifier(role)} TO {postgres_identifier(login)}")
        say(f"gave {login} the role {role}")


def _current_user(session: Session) -> str:
    return str(session.run("SELECT current_user AS name")[0]["name"])
