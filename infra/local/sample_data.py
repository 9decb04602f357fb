"""The sample in both databases: sources in BigQuery, targets and their registrations in Postgres."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pg8000.native
from google.cloud import bigquery

from infra.local.sample.load import load_day_one
from infra.local.sample.registrations import registrations
from infra.local.sample.targets import targets_sql
from shared.adapters.database_url import connection_arguments

ROWS = 200_000


def load_sample(client: bigquery.Client, database_url: str, project: str, *, rows: int = ROWS) -> bool:
    """Load about `rows` source rows and register the sample's tables, where no table is registered yet.

    Returns whether it did. Sources come first and targets in one transaction, so one that was cut short begins anew.
    """
    connection = pg8000.native.Connection(**connection_arguments(database_url))
    try:
        if connection.run("SELECT 1 FROM refresh.refresh_table_registry LIMIT 1"):
            return False
        load_day_one(client, project, rows)
        rows_of = registrations(project)
        connection.run("BEGIN")
        connection.run(targets_sql())
        _insert(connection, "refresh.refresh_table_registry", rows_of.registry)
        _insert(connection, "refresh.refresh_dependency", rows_of.dependencies)
        connection.run("COMMIT")
        return True
    finally:
        connection.close()


def _insert(connection: pg8000.native.Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        columns = ", ".join(row)
        record = f"jsonb_populate_record(NULL::{table}, CAST(:row AS jsonb))"
        connection.run(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {record}", row=json.dumps(row))
