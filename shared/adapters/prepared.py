"""Statements that connections have planned."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from pg8000.native import Connection, PreparedStatement


class PreparedStatements:
    """Each connection's own, by their text; they end with it."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Connection, dict[str, PreparedStatement]] = WeakKeyDictionary()

    def of(self, connection: Connection, sql: str) -> PreparedStatement:
        """The prepared statement; the first time it is sent to be prepared. Raises what pg8000 raises."""
        known = self._of.setdefault(connection, {})
        if sql not in known:
            known[sql] = connection.prepare(sql)
        return known[sql]
