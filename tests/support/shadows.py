"""Orders in shadow mode: what the shadow holds, what the reports of its days say, and another program that fills the
live table."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.ports import Row
from tests.support.orders import COLUMNS, Orders

DAY = datetime(2025, 6, 2, 4, tzinfo=UTC)


class ShadowedOrders(Orders):
    """`public.orders` in mode shadow; the other program is `legacy`."""

    def __init__(self, engine: Any, **options: Any) -> None:
        super().__init__(engine, **({"mode": "shadow"} | options))
        self.day = DAY

    def legacy(self) -> None:
        """The other program fills the live table from the source, its own way."""
        self.engine.sql("TRUNCATE public.orders")
        for row in self.source().elements():
            self.engine.sql(
                f"INSERT INTO public.orders ({COLUMNS}) VALUES (:a, :b, :c, :d)", **dict(zip("abcd", row, strict=True))
            )

    def shadow_run(self, *, day: datetime | None = None, **options: Any) -> Row:
        """A shadow run that stands for the given day; its task."""
        message = self.engine.task("public.orders", mode="shadow", **options)
        self.engine.sql(
            "UPDATE refresh.refresh_run SET scheduled_for = :day WHERE run_id = :run",
            day=day or self.day,
            run=message.run_id,
        )
        return self.engine.deliver(message)

    def next_day(self) -> Row:
        """The next day's shadow run."""
        self.day += timedelta(days=1)
        return self.shadow_run()

    def shadow(self) -> Counter[tuple[Any, ...]]:
        """What the shadow holds."""
        rows = self.engine.sql(f'SELECT {COLUMNS} FROM refresh_shadow."public.orders"')
        return Counter(tuple(row.values()) for row in rows)

    def reports(self) -> list[Row]:
        """The daily reports, the latest last."""
        return self.engine.sql("SELECT * FROM refresh.refresh_shadow_report ORDER BY day")

    def report(self) -> Row:
        """The latest report."""
        return self.reports()[-1]
