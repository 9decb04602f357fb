"""The warehouse's data dictionary, written from the database itself: `python -m infra.local dictionary`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pg8000.native

from infra.migrations.run import migrate
from shared.adapters.database_url import connection_arguments

FILE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"

_HEADER = """\
# Data dictionary of the warehouse

Written from the database by `python -m infra.local dictionary`; a test compares the two. Text stands in the
migrations as `COMMENT ON`. How the parts belong together: [sqp.md](sqp.md).

Counts are whole events, shares and rates fractions (0.0679 is 6.79 %), prices amounts in the currency beside them,
columns that end in `_pp` percentage points. NULL is unknown or nothing to divide by, never 0. `client_id`,
`marketplace_id`, `report_period` and `period_start` say whose report it is; periods of different `report_period` are
never summed.
"""
_KINDS = (("r", "Tables"), ("m", "Materialized views"), ("v", "Views"))
_RELATIONS = """
SELECT c.oid, c.relname, c.relkind::text, obj_description(c.oid, 'pg_class'),
    (SELECT string_agg(a.attname, ', ' ORDER BY k.place)
     FROM (SELECT * FROM pg_index WHERE indrelid = c.oid AND indisunique ORDER BY indisprimary DESC, indexrelid
        LIMIT 1) AS i
     CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, place)
     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum)
FROM pg_class c WHERE c.relnamespace = 'sqp'::regnamespace AND c.relkind IN ('r', 'm', 'v')
ORDER BY c.relname COLLATE "C"
"""
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, col_description(a.attrelid, a.attnum)
FROM pg_attribute a WHERE a.attrelid = CAST(:relation AS oid) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_FUNCTIONS = """
SELECT p.proname, pg_get_function_arguments(p.oid), p.proretset, obj_description(p.oid, 'pg_proc')
FROM pg_proc p WHERE p.pronamespace = 'sqp'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NOT NULL
ORDER BY p.proretset DESC, p.proname COLLATE "C"
"""


def dictionary_of(database_url: str) -> str:
    """The dictionary of a migrated database, as Markdown."""
    with pg8000.native.Connection(**connection_arguments(database_url)) as connection:
        return "\n".join([_HEADER, *_parts(connection)])


def write() -> Path:
    """Write the file from a new, migrated database on a server that lives only for this call."""
    from infra.local.postgres import Postgres

    with tempfile.TemporaryDirectory() as folder:
        server = Postgres(Path(folder) / "postgres", log=Path(folder) / "postgres.log", settings={"fsync": "off"})
        try:
            with server:
                migrate(server.url)
                FILE.write_text(dictionary_of(server.url), encoding="utf-8")
        finally:
            server.remove()
    return FILE


def _parts(connection: pg8000.native.Connection) -> Iterator[str]:
    relations: list[list[Any]] = connection.run(_RELATIONS)
    for kind, title in _KINDS:
        yield f"## {title}\n"
        for oid, name, its_kind, said, key in relations:
            if its_kind == kind:
                yield f"### sqp.{name}\n\n{said or ''}\n"
                if key:
                    yield f"One row for each: {key}.\n"
                yield "| column | type | | meaning |\n|---|---|---|---|"
                for column, type_name, required, meaning in connection.run(_COLUMNS, relation=oid):
                    yield f"| {column} | {type_name} | {'NOT NULL' if required else ''} | {_cell(meaning)} |"
                yield ""
    functions = connection.run(_FUNCTIONS)
    for is_analysis, title in ((True, "Analyses"), (False, "Other functions")):
        yield f"## {title}\n"
        for name, arguments, returns_rows, said in functions:
            if returns_rows is is_analysis:
                yield f"### sqp.{name}\n\n`{name}({arguments})`\n\n{said}\n"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|")
