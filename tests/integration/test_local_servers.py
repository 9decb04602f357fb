"""The database and the BigQuery emulator of the embedded stack."""

from pathlib import Path

import pytest

from infra.local.postgres import Postgres, connect
from infra.local.process import PartFailedError
from tests.conftest import BigQueryEnv


def _rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with connect(url) as connection:
        cursor = connection.cursor()
        cursor.execute(statement)
        return [tuple(row) for row in cursor.fetchall()]


def test_the_database_is_utf8_sorted_by_code_point_and_folds_every_alphabet(postgres_url: str) -> None:
    assert _rows(postgres_url, "SELECT current_setting('server_encoding'), lower('ÉΣ')") == [("UTF8", "éσ")]
    ordered = _rows(postgres_url, "SELECT x FROM (VALUES ('a'), ('B'), ('é')) AS v(x) ORDER BY x")
    assert ordered == [("B",), ("a",), ("é",)]


def test_a_restart_keeps_address_and_data_and_an_immediate_one_empties_unlogged_tables(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres", log=tmp_path / "postgres.log") as server:
        url = server.url
        with connect(url) as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE TABLE kept AS SELECT 1 AS x")
            cursor.execute("CREATE UNLOGGED TABLE staged AS SELECT 1 AS x")
        server.restart("immediate")
        assert server.url == url
        assert _rows(url, "SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM staged)") == [(1, 0)]
    with Postgres(tmp_path / "postgres", log=tmp_path / "postgres.log") as again:
        assert _rows(again.url, "SELECT x FROM kept") == [(1,)]
    again.remove()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    server = Postgres(tmp_path / "postgres", log=log, settings={"shared_buffers": "12 bananas"})
    with pytest.raises(PartFailedError, match=r"(?s)postgres: ended with exit code 1.*postgres\.log.*bananas"), server:
        pass
    server.remove()


def test_the_emulator_answers_queries_and_storage_reads(bigquery_env: BigQueryEnv, bigquery_dataset: str) -> None:
    table = f"{bigquery_dataset}.numbers"
    bigquery_env.client.query(f"CREATE TABLE `{table}` AS SELECT 7 AS n").result()
    rows = bigquery_env.client.list_rows(table)
    arrow = rows.to_arrow(bqstorage_client=bigquery_env.storage_client)
    assert arrow.to_pydict() == {"n": [7]}
