"""Gather what suggestions are made from."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.ids import TableName
from shared.operations.requests import TablesUnknown
from shared.planning.suggestions import Registration, Sizes, registration, sizes
from shared.ports import Source, Store
from shared.sql import statement


@dataclass(frozen=True, kw_only=True)
class Suggested:
    """Suggested sizes, and what they go by."""

    sizes: Sizes
    refreshes: int
    rows_per_second: float | None
    largest_rows: int | None
    largest_bytes: int | None
    largest_day_bytes: int | None


def suggest_sizes(store: Store, table: TableName) -> Suggested:
    """From the refreshes of the last two weeks. Raises TablesUnknown."""
    key = {"schema": table.schema, "name": table.name}
    with store.transaction() as session:
        if not session.run(statement("registry_row"), **key):
            raise TablesUnknown([str(table)])
        (row,) = session.run(statement("recent_rates"), **key)
    rate = None if row["rows_per_second"] is None else round(float(row["rows_per_second"]), 1)
    return Suggested(
        sizes=sizes(
            rows_per_second=rate,
            largest_rows=row["largest_rows"],
            largest_bytes=row["largest_bytes"],
            largest_day_bytes=row["largest_day_bytes"],
        ),
        refreshes=row["refreshes"],
        rows_per_second=rate,
        largest_rows=row["largest_rows"],
        largest_bytes=row["largest_bytes"],
        largest_day_bytes=row["largest_day_bytes"],
    )


def suggest_registration(source: Source, reference: str, table: TableName) -> Registration:
    """From the source's schema. Raises InvalidRegistration when it cannot be read, RetryLater."""
    return registration(table, source.describe(reference))
