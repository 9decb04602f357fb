"""A small table that is easy to think about: orders by day, and what each side of the path holds of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.support.engine import Engine

COLUMNS = "id, day, customer, amount"


class Orders:
    """`orders` in BigQuery and `public.orders` in Postgres, with a key and scoped by day unless told otherwise."""

    def __init__(self, engine: Engine, *, keyed: bool = True, amount: str = "numeric", **registration: Any) -> None:
        self.engine = engine
        self._changes = 0
        engine.bigquery("CREATE TABLE `{d}.orders` (id INT64, day DATE, customer STRING, amount NUMERIC)")
        key = ", PRIMARY KEY (id)" if keyed else ""
        engine.sql(f"CREATE TABLE public.orders (id bigint, day date, customer text, amount {amount}{key})")
        columns: dict[str, Any] = {"key_columns": ["id"] if keyed else [], "scope_column": "day"}
        engine.register("public.orders", "orders", **(columns | registration))

    def insert(self, *rows: tuple[Any, ...]) -> None:
        """Add rows (id, day, customer, amount) to the source."""
        values = ", ".join(f"({', '.join(_literal(value) for value in row)})" for row in rows)
        self.engine.bigquery(f"INSERT INTO `{{d}}.orders` VALUES {values}")

    def days(self, first: int, last: int, rows: int = 4) -> None:
        """Add `rows` orders to each day of January 2025 from `first` to `last`."""
        self.insert(
            *(
                (day * 100 + n, f"2025-01-{day:02}", f"customer {n}", f"{n}.50")
                for day in range(first, last + 1)
                for n in range(rows)
            )
        )

    def change(self) -> None:
        """Change some rows of two days of the source (those of `days(1, 4)`), and a row's presence on another."""
        self._changes += 1
        self.engine.bigquery(
            f"UPDATE `{{d}}.orders` SET amount = NUMERIC '{self._changes}.25' WHERE MOD(id, 100) < 2 AND id < 300"
        )
        if self._changes % 2:
            self.engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 303")
        else:
            self.insert((303, "2025-01-03", "customer 3", "3.50"))

    def source(self) -> Counter[tuple[Any, ...]]:
        """What BigQuery holds now."""
        return Counter(tuple(row.values()) for row in self.engine.bigquery(f"SELECT {COLUMNS} FROM `{{d}}.orders`"))

    def target(self) -> Counter[tuple[Any, ...]]:
        """What Postgres holds now."""
        return Counter(tuple(row.values()) for row in self.engine.sql(f"SELECT {COLUMNS} FROM public.orders"))

    def refresh(self, **options: Any) -> dict[str, Any]:
        """A run of the table; its task afterwards."""
        return self.engine.refresh("public.orders", **options)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if text[:4].isdigit() and text.count("-") == 2:
        return f"DATE '{text}'"
    return f"NUMERIC '{text}'" if text.replace(".", "").isdigit() else f"'{text}'"
