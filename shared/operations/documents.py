"""Answers that Postgres writes as JSON itself: one value travels instead of thousands."""

from __future__ import annotations

from typing import Any

from shared.ports import Session, Store
from shared.sql import statement

_TIMEOUT_SECONDS = 10.0


def read(store: Store, name: str, /, **parameters: Any) -> str | None:
    """The JSON text of a statement's one row; None when it has none. In a transaction of its own."""
    with store.transaction(statement_timeout=_TIMEOUT_SECONDS) as session:
        return read_in(session, name, **parameters)


def read_in(session: Session, name: str, /, **parameters: Any) -> str | None:
    """The same in the caller's transaction."""
    rows = session.run(statement(name), **parameters)
    return str(rows[0]["document"]) if rows else None


def read_prepared(session: Session, name: str, /, **parameters: Any) -> str | None:
    """The same with a statement that its connection has planned before."""
    rows = session.run_prepared(statement(name), **parameters)
    return str(rows[0]["document"]) if rows else None
