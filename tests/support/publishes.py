"""What a table holds, to the byte, and taking its publishes back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.support.engine import Engine


def image(engine: Engine, table: str) -> tuple[int, str]:
    """Rows of a table, and a checksum of every byte that they send: all columns, the order of rows aside."""
    (row,) = engine.sql(
        "SELECT count(*) AS rows, md5(coalesce(string_agg(encode(record_send(t), 'hex'), ','"
        f" ORDER BY record_send(t)), '')) AS checksum FROM {table} t"
    )
    return row["rows"], row["checksum"]


def roll_back(engine: Engine, run_id: UUID, *tables: str, reason: str = "wrong delivery") -> list[dict[str, Any]]:
    """Take a run's publishes back, of these tables or of all."""
    return engine.sql(
        "SELECT * FROM refresh.roll_back(:run, CAST(:tables AS text[]), 'operator', :reason)",
        run=run_id,
        tables=list(tables) or None,
        reason=reason,
    )


def undo_tables(engine: Engine) -> list[str]:
    """Names of the tables in which overwritten rows are kept."""
    rows = engine.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'refresh_undo' ORDER BY 1")
    return [row["tablename"] for row in rows]
