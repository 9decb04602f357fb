"""What is known about one table beside its state and history: its checks, and what depends on it."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from shared.domain.ids import TableName
from shared.operations import documents
from shared.ports import Store


def read(store: Store, table: TableName) -> dict[str, Any]:
    """`checks`: what each found in the latest run that was checked; `dependents`: tables that depend on it."""
    text = documents.read(store, "read_table_facts", schema=table.schema, name=table.name)
    found: dict[str, Any] = from_json(text or "{}")
    return found
