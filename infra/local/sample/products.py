"""A product catalogue in BigQuery that has a column of every type: what the generic worker is shown with."""

from __future__ import annotations

from pathlib import Path

from google.cloud import bigquery

DATASET = "sample_catalogue"
TABLE = "products"
CATEGORIES = ("knives", "sharpeners", "boards", "peelers", "slicers")


def products_id(project: str) -> str:
    """`project.dataset.table` of the catalogue."""
    return f"{project}.{DATASET}.{TABLE}"


def _script(name: str, project: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8").replace("{table}", products_id(project))


def _run(client: bigquery.Client, statement: str, **parameters: int) -> None:
    bound = [bigquery.ScalarQueryParameter(name, "INT64", value) for name, value in parameters.items()]
    client.query(statement, job_config=bigquery.QueryJobConfig(query_parameters=bound)).result()


def create_products(client: bigquery.Client, project: str, rows: int) -> int:
    """Make the catalogue afresh with `rows` products; returns `rows`."""
    client.create_dataset(f"{project}.{DATASET}", exists_ok=True)
    for statement in _script("products.bigquery.sql", project).split(";\n"):
        if statement.strip():
            _run(client, statement, **({"rows": rows} if "@rows" in statement else {}))
    return rows


def change_products(client: bigquery.Client, project: str) -> tuple[str, ...]:
    """New prices for some knives, a new knife and a vanished one; returns the categories that changed."""
    table = products_id(project)
    knives = "category = 'knives'"
    _run(client, f"UPDATE `{table}` SET price = price + NUMERIC '0.5' WHERE {knives} AND ENDS_WITH(sku, '0')")
    _run(client, f"INSERT INTO `{table}` (sku, name, category) VALUES ('P-NEW', 'Paring knife “new” 🔪', 'knives')")
    _run(client, f"DELETE FROM `{table}` WHERE sku = 'P-000005'")
    return ("knives",)
