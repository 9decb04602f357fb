"""docs/sqp.md is followed: its SQL runs, its files are taken, its tables are those of the code."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pg8000.native
import pytest
from pg8000.exceptions import DatabaseError

from functions.search_queries.dataset import SEARCH_QUERY_MARKET
from infra.local.postgres import Postgres
from infra.local.stack import ROOT
from shared.domain.dataset import Column
from shared.domain.ids import TableName
from shared.ports import SourceTable
from shared.refresh.definition_fit import dataset_inputs
from tests.docs.documents import blocks, code_words, section, table_rows
from tests.sqp.warehouse import EXAMPLE, fill
from tests.support.sqp import DATASETS, SUMMARIES

GUIDE = ROOT / "docs" / "sqp.md"
type Connection = pg8000.native.Connection


def _sql() -> list[str]:
    return [block.text for block in blocks(GUIDE) if block.language == "sql"]


def test_every_statement_runs(warehouse: Connection) -> None:
    assert len(_sql()) > 3
    fill(warehouse, EXAMPLE)
    warehouse.run("BEGIN")
    for text in _sql():
        warehouse.run(text)
    [[checks]] = warehouse.run(
        "SELECT checks FROM refresh.refresh_table_registry WHERE table_name = 'search_query_performance'"
    )
    assert checks["own_exceeds_total"] == {"max": 0.01, "outcome": "hold"}


def test_a_keeper_of_the_mapping_needs_no_more_than_is_granted(warehouse: Connection) -> None:
    [grants] = [text for text in _sql() if "GRANT" in text]
    [names] = [text for text in _sql() if "add_brand(" in text]
    warehouse.run("BEGIN")
    warehouse.run(grants)
    warehouse.run("SET LOCAL ROLE brand_keeper")
    warehouse.run(names)
    warehouse.run("INSERT INTO sqp.asin_brand_import VALUES ('c1', 'US', 'A1', 'Other')")
    warehouse.run("SELECT sqp.unmap_asin('c1', 'US', 'A1'), sqp.remove_brand('c1', 'Other')")
    with pytest.raises(DatabaseError, match="permission denied"):
        warehouse.run("DELETE FROM sqp.search_query_market")


def test_files_go_in_and_come_out_again(
    warehouse: Connection, postgres: Postgres, warehouse_url: str, tmp_path: Path
) -> None:
    commands = [
        line for block in blocks(GUIDE) if block.language == "sh" for line in block.text.splitlines() if "psql" in line
    ]
    written = "client_id,marketplace_id,asin,brand\nc1,US,A1,Edge\nc1,US,A2,Köhler & Söhne\n"
    file = tmp_path / "asins.csv"
    file.write_text(written, encoding="utf-8")
    for command in commands:
        subprocess.run(
            [postgres.psql, *shlex.split(command.replace("$DATABASE_URL", warehouse_url))[1:]],
            cwd=tmp_path,
            env=os.environ | {"PGCLIENTENCODING": "UTF8"},
            check=True,
            capture_output=True,
        )
    assert len(commands) == 2
    assert file.read_text(encoding="utf-8") == written


def test_the_files_have_the_columns_that_are_named(warehouse: Connection) -> None:
    for view, columns in table_rows(section(GUIDE, "Brands and classes")):
        found = warehouse.run(
            "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute"
            " WHERE attrelid = CAST(:view AS regclass) AND attnum > 0",
            view=code_words(view)[0],
        )
        assert found == [[columns]]


def test_the_fields_are_those_of_the_datasets() -> None:
    known = {field.name: field for dataset in DATASETS.values() for field in dataset.fields}
    described = dict(table_rows(section(GUIDE, "Your own export")))
    needed = {name for names, how in described.items() if how == "needed" for name in code_words(names)}
    assert needed == {name for name, field in known.items() if field.default is None and field.derived is None}
    named = {name for names in described for name in code_words(names)}
    assert named <= known.keys()
    rest = known.keys() - named
    assert all(re.search("_rate$|_price_|_day_shipping_", name) for name in rest), rest


def test_the_export_of_the_guide_feeds_every_table(warehouse: Connection) -> None:
    [text] = [text for text in _sql() if "Week-Ending" in text]
    [column_map] = re.findall(r"column_map => '(\{.*?\})'", text, re.DOTALL)
    columns = json.loads(column_map)
    source = SourceTable(
        reference="p.d.t", columns=tuple(Column(name=name, type="STRING") for name in columns), is_table=True
    )
    for name, dataset in DATASETS.items():
        inputs = dataset_inputs(TableName(schema="sqp", name=name), dataset, columns, source)
        assert {one.name for one in inputs} == {field.name for field in dataset.fields}


def test_the_checks_are_those_of_the_datasets() -> None:
    described = {code_words(row[0])[0]: row[2] for row in table_rows(section(GUIDE, "Checks before publishing"))}
    rules = {name: rule["outcome"] for name, rule in SEARCH_QUERY_MARKET.checks.items() if isinstance(rule, dict)}
    assert described == rules | {"completeness": "hold"}


def test_everything_that_is_named_is_there(warehouse: Connection) -> None:
    words = set(code_words(GUIDE.read_text(encoding="utf-8")))
    assert set(SUMMARIES) <= words
    for word in words:
        if found := re.fullmatch(r"sqp\.(\w+)(\(.*)?", word):
            [[there]] = warehouse.run(
                "SELECT to_regclass('sqp.' || CAST(:name AS text)) IS NOT NULL OR EXISTS (SELECT FROM pg_proc"
                " WHERE pronamespace = 'sqp'::regnamespace AND proname = CAST(:name AS text))",
                name=found[1],
            )
            assert there, word


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", GUIDE.read_text(encoding="utf-8"))
    assert targets
    assert [target for target in targets if not (GUIDE.parent / target).exists()] == []
