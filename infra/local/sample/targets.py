"""Targets in Postgres for the sample: a second warehouse beside `sqp`, the catalogue's table, brands."""

from __future__ import annotations

import re
from pathlib import Path

from infra.local.sample.accounts import accounts

EXPORT_SCHEMA = "sqp_export"
"""Warehouse that the export (shape A) feeds; `sqp` is fed by the landing table (shape B)."""

_BRANDS = ("Edgewise", "Holzwerk")
_MIGRATIONS = Path(__file__).parents[2] / "migrations" / "sql"


def warehouse_sql(schema: str) -> str:
    """The statements of the warehouse's migrations, for another schema than `sqp`.

    Raises ValueError for a name that would need quoting.
    """
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
        raise ValueError(f"schema name {schema!r} must be lower-case letters, digits and underscores")
    files = sorted(_MIGRATIONS.glob("*_sqp_*.sql"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    text = re.sub(r"\bsqp\.", f"{schema}.", text)
    return re.sub(r"\bSCHEMA sqp\b", f"SCHEMA {schema}", text)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _brand_entries(*, by_name: bool) -> list[tuple[str, str, str, str, str]]:
    """Client, marketplace, ASIN, origin, brand: every sixth ASIN has none, one has a manual entry that must win."""
    entries = []
    for account in accounts():
        client, marketplace = (
            (account.client_name, account.marketplace_name) if by_name else (account.client_id, account.marketplace_id)
        )
        for number, product in enumerate(account.products):
            if number % 6 != 5:
                entries.append((client, marketplace, product.asin, "automatic", _BRANDS[number % 2]))
        entries.append((client, marketplace, account.products[1].asin, "manual", _BRANDS[0]))
    return entries


def brand_of_asin(*, by_name: bool) -> dict[tuple[str, str, str], str]:
    """The brand that counts, by client, marketplace and ASIN."""
    entries = sorted(_brand_entries(by_name=by_name), key=lambda entry: entry[3] == "manual")
    return {(client, marketplace, asin): brand for client, marketplace, asin, _, brand in entries}


def brands_sql(schema: str, *, by_name: bool) -> str:
    """Statements that map the sample's ASINs to two brands a client.

    `by_name`: clients and marketplaces under the names of the export rather than the ids of the landing table.
    """
    entries = _brand_entries(by_name=by_name)
    clients = dict.fromkeys(entry[0] for entry in entries)
    brands = ",\n".join(f"({_literal(client)}, {_literal(brand)})" for client in clients for brand in _BRANDS)
    mapped = ",\n".join(f"({', '.join(_literal(value) for value in entry)})" for entry in entries)
    return (
        f"INSERT INTO {schema}.brands (client_id, brand) VALUES\n{brands};\n"
        f"INSERT INTO {schema}.asin_brand_map (client_id, marketplace_id, asin, origin, brand_id)\n"
        "SELECT entry.client_id, entry.marketplace_id, entry.asin, entry.origin, brands.brand_id\n"
        f"FROM (VALUES\n{mapped}\n) AS entry (client_id, marketplace_id, asin, origin, brand)\n"
        f"JOIN {schema}.brands AS brands USING (client_id, brand);\n"
    )


def targets_sql() -> str:
    """Everything the sample needs in Postgres beside the migrations. Not to be run twice."""
    own = Path(__file__).with_name("targets.sql").read_text(encoding="utf-8")
    return "\n".join(
        [
            warehouse_sql(EXPORT_SCHEMA),
            own,
            brands_sql("sqp", by_name=False),
            brands_sql(EXPORT_SCHEMA, by_name=True),
        ]
    )
