"""What is known about one table beside its state and history: checks, what depends on it, what is in quarantine."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from shared.domain.ids import TableName
from shared.operations import documents
from shared.ports import Store


def read(store: Store, table: TableName) -> dict[str, Any]:
    """`checks`: what each found the last time; `dependents`: tables that depend on it;
    `quarantined`: rows of the last refresh by reason and column; `waits`: what it waits for now, and since when."""
    text = documents.read(store, "read_table_facts", schema=table.schema, name=table.name)
    found: dict[str, Any] = from_json(text or "{}")
    return found
