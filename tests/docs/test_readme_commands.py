"""Every command of README.md does what it says, in the order in which they stand there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from infra.local.postgres import Postgres
from infra.local.sample.load import MIN_ROWS, load_day_one
from infra.local.sample.registrations import VIEWS
from infra.local.sample.shapes import EXPORT, LANDING, Shape
from infra.local.sample.tables import table_id
from infra.local.stack import PROJECT, ROOT
from tests.docs.documents import README, Block, blocks
from tests.docs.walk import Walk

_ENV_FILE = ".data/mine.env"
_NAMED_ONLY = {"demo", "serve"}
"""Make targets that are too long for here: a test sees that they exist, and CI runs `make demo`."""


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A reader who has followed the README from its first command to its last."""
    one = Walk(tmp_path_factory.mktemp("readme") / "checkout")
    try:
        for block in blocks(README):
            _follow(one, block)
        yield one
    finally:
        one.end()
        home = one.folder / ".data" / "mine" / "postgres"
        Postgres(home, log=one.folder / "postgres.log").remove()


def _follow(walk: Walk, block: Block) -> None:
    target = re.fullmatch(r"make (\w+)", block.text.strip())
    if target and target[1] in _NAMED_ONLY:
        assert f"\n{target[1]}: setup ##" in (ROOT / "Makefile").read_text()
    elif "infra.local up" in block.text:
        walk.start(block, ready=_ENV_FILE)
    elif block.language == "sh":
        walk.sh(block)
    else:
        assert block.language == "sql", f"README.md, line {block.line}: nobody runs {block.language}"
        code, output = walk.psql(block.text)
        assert (code != 0) == block.text.startswith("-- is refused"), f"README.md, line {block.line}: {output}"
        if block.shown is not None:
            assert _trimmed(output) == _trimmed(block.shown), f"README.md, line {block.line}"
        walk.wait_for_runs()


def _trimmed(text: str) -> list[str]:
    """Lines without blanks at their ends, and without what psql says about where in the server an error arose."""
    return [line.rstrip() for line in text.partition("CONTEXT:")[0].strip().splitlines()]


def test_a_reader_gets_what_is_shown(walk: Walk) -> None:
    code, output = walk.psql("SELECT order_id, amount, tags FROM shop.orders ORDER BY 1")
    assert code == 0
    assert [line.strip() for line in output.splitlines()[2:5]] == [
        "1 |  19.90 | {new,gift}",
        "2 |   5.00 | {}",
        "3 |   8.00 | {new}",
    ]


@pytest.mark.parametrize(("name", "shape"), [("register-export", EXPORT), ("register-landing", LANDING)])
def test_both_source_shapes_are_registered_by_their_script(walk: Walk, name: str, shape: Shape) -> None:
    client = bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": walk.env["BIGQUERY_EMULATOR_HOST"]},
    )
    load_day_one(client, PROJECT, MIN_ROWS)
    source = table_id(PROJECT, shape)
    # The other shape names clients otherwise, and reports that are gone from a period are not given up so easily.
    walk.psql("TRUNCATE sqp.asin_performance_data, sqp.search_query_performance, sqp.search_query_market")
    walk.psql("DELETE FROM refresh.refresh_partition_state WHERE table_schema = 'sqp'")
    script = f'psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -v source={source} -f docs/{name}.sql'
    walk.sh(Block(language="sh", text=script, line=0))
    code, output = walk.psql(
        "SELECT refresh.request_run(array_agg(table_schema || '.' || table_name)) "
        "FROM refresh.refresh_table_registry WHERE table_schema = 'sqp'"
    )
    assert code == 0, output
    walk.wait_for_runs()
    code, output = walk.psql(
        "SELECT string_agg(table_name || ' ' || status, '; ' ORDER BY table_name) "
        "FROM refresh.refresh_task "
        "WHERE run_id = (SELECT run_id FROM refresh.refresh_run ORDER BY created_at DESC LIMIT 1)"
    )
    ended = dict(one.split(" ", 1) for one in output.splitlines()[2].strip().split("; "))
    assert ended.keys() == {"asin_performance_data", "search_query_market", "search_query_performance", *VIEWS}
    assert set(ended.values()) <= {"success", "warning"}


def test_the_export_script_has_the_column_map_of_the_shape() -> None:
    text = (ROOT / "docs" / "register-export.sql").read_text(encoding="utf-8")
    found = re.search(r"column_map => '(\{.*?\})'", text, re.DOTALL)
    assert found is not None
    assert json.loads(found[1]) == EXPORT.column_map


def test_the_picture_is_committed_and_has_words_for_those_who_do_not_see_it() -> None:
    alternative, file = re.findall(r"!\[(.*?)\]\((.*?)\)", README.read_text(encoding="utf-8"), re.DOTALL)[0]
    assert len(alternative.split()) > 20
    picture = (ROOT / Path(file)).read_text(encoding="utf-8")
    assert "<title" in picture
    assert "prefers-color-scheme: dark" in picture
