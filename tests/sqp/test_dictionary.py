"""The data dictionary is that of the database, and leaves nothing without a meaning."""

import pg8000.native

from infra.local.dictionary import FILE, dictionary_of
from tests.support.sqp import select


def test_the_committed_dictionary_is_that_of_the_database(migrated_url: str) -> None:
    assert dictionary_of(migrated_url) == FILE.read_text(encoding="utf-8"), "run python -m infra.local dictionary"


def test_every_relation_and_column_says_what_it_means(warehouse: pg8000.native.Connection) -> None:
    silent = select(
        warehouse,
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum >= 0"
        " WHERE c.relnamespace = 'sqp'::regnamespace AND c.relkind IN ('r', 'm', 'v') AND NOT a.attisdropped"
        " AND a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL",
    )
    assert silent == []
    relations = "relnamespace = 'sqp'::regnamespace AND relkind IN ('r', 'm', 'v')"
    assert warehouse.run(f"SELECT relname FROM pg_class WHERE {relations} AND obj_description(oid) IS NULL") == []


def test_every_summary_says_what_one_row_is() -> None:
    text = FILE.read_text(encoding="utf-8")
    for part in text.split("## Materialized views")[1].split("## Views")[0].split("### ")[1:]:
        assert "One row for each: client_id, marketplace_id, " in part
