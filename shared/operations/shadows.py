"""Promote and demote tables."""

from __future__ import annotations

from typing import Any

from shared.domain.errors import RefreshError, StoreRefused
from shared.domain.ids import TableName
from shared.operations.requests import TablesUnknown
from shared.ports import Store
from shared.sql import statement

STATEMENT_TIMEOUT_SECONDS = 300.0
_UNKNOWN = "42P01"
_NOT_NOW = "55000"


class CannotPromote(RefreshError):
    """What stands against it, and what to do."""


def promote(store: Store, table: TableName, *, force: bool, reason: str | None, requested_by: str) -> str:
    """Promote the table; JSON of what was written. TablesUnknown, CannotPromote."""
    return _decide(store, table, "promote", force=force, reason=reason, requested_by=requested_by)


def demote(store: Store, table: TableName, *, reason: str, requested_by: str) -> str:
    """Demote the table; JSON of what was copied. TablesUnknown, CannotPromote."""
    return _decide(store, table, "demote", reason=reason, requested_by=requested_by)


def _decide(store: Store, table: TableName, name: str, **parameters: Any) -> str:
    try:
        with store.transaction(statement_timeout=STATEMENT_TIMEOUT_SECONDS) as session:
            return str(session.run(statement(name), target=str(table), **parameters)[0]["document"])
    except StoreRefused as error:
        if error.sqlstate == _UNKNOWN:
            raise TablesUnknown([str(table)]) from error
        if error.sqlstate == _NOT_NOW:
            raise CannotPromote(str(error)) from error
        raise
