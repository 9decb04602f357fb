"""The migrations runner: each file in one transaction with the note that it ran."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

from infra.migrations.files import FOLDER, MigrationError, MigrationFile, Statement, pending, read_files
from shared.adapters.database_url import connection_arguments
from shared.adapters.postgres import Connect

OLDEST_SERVER = 15
"""UNIQUE NULLS NOT DISTINCT is known from PostgreSQL 15 on."""

_LOCK_TIMEOUT_SECONDS = 30
_ADVISORY_LOCK = 7_310_582_646_001
_HISTORY = """
CREATE SCHEMA IF NOT EXISTS refresh_migrations;
CREATE TABLE IF NOT EXISTS refresh_migrations.applied (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE refresh_migrations.applied IS 'Migration files that were applied, each with the SHA-256 of its text.'
"""


def migrate(database: str | Connect, *, folder: Path = FOLDER) -> list[str]:
    """Apply what is not applied yet, and return the names of the files, in order; [] when there is nothing to do.

    `database`: an address, or what opens a connection.

    A second runner waits for the first. A file that fails is rolled back wholly, and those before it stay. Raises
    MigrationError, which names file and line, for a server too old, for applied files that were changed, and for
    statements that the server refuses; ConfigurationError for an address that is none.
    """
    files = read_files(folder)
    with _connect(database) as connection:
        _check_server(connection)
        connection.run(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})")
        _make_history(connection)
        waiting = pending(files, _applied(connection))
        for file in waiting:
            _apply(connection, file)
        return [file.name for file in waiting]


def status(database: str | Connect, *, folder: Path = FOLDER) -> tuple[list[str], list[str]]:
    """Names of the files that are applied, and of those that wait. Changes nothing."""
    files = read_files(folder)
    with _connect(database) as connection:
        _check_server(connection)
        known = connection.run("SELECT to_regclass('refresh_migrations.applied') IS NOT NULL")[0][0]
        applied = _applied(connection) if known else {}
        return sorted(applied), [file.name for file in pending(files, applied)]


@contextmanager
def _connect(database: str | Connect) -> Iterator[pg8000.native.Connection]:
    if isinstance(database, str):
        arguments = connection_arguments(database)
        where = f"{arguments['host']}:{arguments['port']}/{arguments['database']}"
        database = partial(pg8000.native.Connection, **arguments, application_name="refresh migrations")
    else:
        where = "the database"
    try:
        connection = database()
    except (InterfaceError, DatabaseError, OSError) as error:
        raise MigrationError(f"cannot connect to {where}: {_message(error)}") from error
    connection._usock.settimeout(None)
    try:
        yield connection
    except (InterfaceError, DatabaseError, OSError) as error:
        raise MigrationError(f"{where}: {_message(error)}") from error
    finally:
        with suppress(InterfaceError, DatabaseError, OSError):
            connection.close()


def _check_server(connection: pg8000.native.Connection) -> None:
    version, shown, encoding = connection.run(
        "SELECT current_setting('server_version_num')::integer, current_setting('server_version'), "
        "current_setting('server_encoding')"
    )[0]
    if version < OLDEST_SERVER * 10_000:
        raise MigrationError(f"the server is PostgreSQL {shown}; PostgreSQL {OLDEST_SERVER} or newer is needed")
    if encoding != "UTF8":
        raise MigrationError(f"the database's encoding is {encoding}; make it anew with ENCODING 'UTF8'")


def _make_history(connection: pg8000.native.Connection) -> None:
    """Without its schema and table at hand, CREATE … IF NOT EXISTS would ask for rights that nobody needs."""
    if connection.run("SELECT to_regclass('refresh_migrations.applied') IS NULL")[0][0]:
        connection.run(_HISTORY)


def _applied(connection: pg8000.native.Connection) -> dict[str, str]:
    return dict(connection.run("SELECT name, checksum FROM refresh_migrations.applied ORDER BY name"))


def _apply(connection: pg8000.native.Connection, file: MigrationFile) -> None:
    statements = file.statements()
    connection.run("BEGIN")
    try:
        connection.run(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT_SECONDS}s'; SET LOCAL search_path = ''")
        for statement in statements:
            _execute(connection, file, statement)
        connection.run(
            "INSERT INTO refresh_migrations.applied (name, checksum) VALUES (:name, :checksum)",
            name=file.name,
            checksum=file.checksum,
        )
    except BaseException:
        with suppress(InterfaceError, DatabaseError, OSError):
            connection.run("ROLLBACK")
        raise
    connection.run("COMMIT")


def _execute(connection: pg8000.native.Connection, file: MigrationFile, statement: Statement) -> None:
    try:
        connection.run(statement.sql)
    except DatabaseError as error:
        position = int(_fields(error).get("P", 1))
        line = statement.line + statement.sql.count("\n", 0, position - 1)
        beginning = " ".join(statement.sql.split())[:80]
        raise MigrationError(
            f"{file.name}.sql, line {line}: {_message(error)}\n"
            f"  in: {beginning}\n  nothing of {file.name}.sql was kept; mend it and run again"
        ) from error


def _fields(error: Exception) -> dict[str, Any]:
    return error.args[0] if error.args and isinstance(error.args[0], dict) else {}


def _message(error: Exception) -> str:
    fields = _fields(error)
    text = ". ".join(str(fields[key]) for key in ("M", "D", "H") if key in fields)
    return f"{text} (SQLSTATE {fields.get('C')})" if text else str(error)
