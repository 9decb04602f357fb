"""The declared schema: what the migrations add up to, for reading and for a test that fails when they do not."""

import tempfile
from pathlib import Path

import pg8000.native

from infra.migrations.run import migrate
from shared.adapters.database_url import connection_arguments

SNAPSHOT = Path(__file__).with_name("schema.sql")

_CATALOG = Path(__file__).with_name("catalog.sql")
_HEADER = """\
-- The schema that the migrations in sql/ add up to. Nothing applies this file: it is written by
-- `python -m infra.migrations snapshot`, and a test compares it with a database that was migrated.
"""


def schema_of(database_url: str) -> str:
    """The schemas of a database as text; the same text from every supported server version."""
    with pg8000.native.Connection(**connection_arguments(database_url)) as connection:
        connection.run("SET search_path = ''")
        rows = connection.run(_CATALOG.read_text(encoding="utf-8"))
    parts, before = [_HEADER], 0
    for section, _, statement in rows:
        multiline = "\n" in statement
        parts.append(("\n" if section != before or multiline else "") + statement + ";\n")
        before = section
    return "".join(parts)


def fresh_schema() -> str:
    """The schema of a new, migrated database on a server that lives only for this call."""
    from infra.local.postgres import Postgres

    with tempfile.TemporaryDirectory() as folder:
        server = Postgres(Path(folder) / "postgres", log=Path(folder) / "postgres.log", settings={"fsync": "off"})
        try:
            with server:
                migrate(server.url)
                return schema_of(server.url)
        finally:
            server.remove()
