"""The runbook's rollout, walked day by day: a table that another program fills, from its inventory to the way back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.deploy.environment import ROOT
from shared.domain.errors import StoreRefused
from shared.ports import Row
from tests.conftest import BigQueryEnv
from tests.support.engine import Engine, emulated_source
from tests.support.invariants import check_invariants

RUNBOOK = (ROOT / "infra" / "RUNBOOK.md").read_text(encoding="utf-8")
ROLLOUT = RUNBOOK.partition("\n## Rollout\n")[2].partition("\n## ")[0]
BLOCKS: list[str] = re.findall(r"^ *```sql\n(.*?)^ *```$", ROLLOUT, re.MULTILINE | re.DOTALL)
FIRST_DAY = datetime(2026, 1, 1, 5, tzinfo=UTC)
_COLUMNS = "id, day, amount"


class Rollout:
    """The warehouse, the other program, and an operator with the runbook in hand."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.day = FIRST_DAY
        engine.bigquery("CREATE TABLE `{d}.orders` (id INT64, day DATE, amount NUMERIC)")
        engine.sql("CREATE SCHEMA shop")
        engine.sql("CREATE TABLE shop.orders (id bigint PRIMARY KEY, day date, amount numeric)")
        engine.sql("CREATE VIEW shop.by_day AS SELECT day, sum(amount) AS amount FROM shop.orders GROUP BY day")
        engine.sql("GRANT USAGE ON SCHEMA shop TO refresh_reader")
        engine.sql("GRANT SELECT ON shop.orders TO refresh_reader")

    def follow(self, said: str) -> list[Row]:
        """Run the block that has these words in it, on this warehouse."""
        (block,) = [one for one in BLOCKS if said in one]
        rows: list[Row] = []
        for statement in block.replace("warehouse.shop.orders", f"{self.engine.dataset}.orders").split(";\n"):
            if statement.strip():
                rows = self.engine.sql(statement)
        return rows

    def warehouse(self) -> None:
        """The day's orders arrive, and an older one is corrected."""
        number = (self.day - FIRST_DAY).days + 1
        self.engine.bigquery(
            f"INSERT INTO `{{d}}.orders` VALUES ({number}, DATE '{self.day:%Y-%m-%d}', NUMERIC '{number}.25')"
        )
        self.engine.bigquery("UPDATE `{d}.orders` SET amount = amount + 1 WHERE id = 1")

    def other_program(self) -> None:
        """It copies everything, and rounds."""
        rows = self.engine.bigquery(f"SELECT {_COLUMNS} FROM `{{d}}.orders`")
        self.engine.sql("TRUNCATE shop.orders")
        for row in rows:
            self.engine.sql(
                f"INSERT INTO shop.orders ({_COLUMNS}) VALUES (:id, :day, round(:amount + 0.001, 3))", **row
            )

    def refresh(self, mode: str) -> Row:
        """The day's run."""
        message = self.engine.task("shop.orders", mode=mode)
        self.engine.sql(
            "UPDATE refresh.refresh_run SET scheduled_for = :day WHERE run_id = :run",
            day=self.day,
            run=message.run_id,
        )
        return self.engine.deliver(message)

    def a_day(self, **wrong: Any) -> None:
        """Warehouse, other program, shadow run; `wrong` is what the other program got wrong."""
        self.warehouse()
        self.other_program()
        for column, value in wrong.items():
            self.engine.sql(f"UPDATE shop.orders SET {column} = :value WHERE id = 2", value=value)
        assert self.refresh("shadow")["error"] is None
        self.day += timedelta(days=1)

    def live(self) -> list[Row]:
        return self.engine.sql("SELECT * FROM shop.orders ORDER BY id")


@pytest.fixture
def rollout(migrated_url: str, bigquery_env: BigQueryEnv, bigquery_dataset: str) -> Iterator[Rollout]:
    source = emulated_source(bigquery_env.project, bigquery_env.rest_url, bigquery_env.grpc_address)
    engine = Engine(migrated_url, source, bigquery_dataset, bigquery_env.client.query)
    engine.sql("DELETE FROM refresh.refresh_table_registry")
    yield Rollout(engine)
    engine.close()


def test_from_the_inventory_to_the_cut_over_and_back(rollout: Rollout) -> None:
    rollout.warehouse()
    rollout.other_program()
    (found,) = [row for row in rollout.follow("pg_stat_user_tables") if row["relname"] == "orders"]
    assert found["views"] == 1

    rollout.follow("mode => 'dry_run'")
    before = rollout.live()
    assert rollout.refresh("dry_run")["status"] == "success"
    (told,) = [row for row in rollout.follow("LEFT JOIN refresh.refresh_diff") if row["scope"] is not None]
    assert (told["status"], told["rows_updated"], told["columns"]) == ("success", 1, {"amount": 1})
    assert rollout.live() == before

    rollout.follow("mode => 'shadow'")
    rollout.day += timedelta(days=1)
    for day in range(1, 19):
        rollout.a_day(**({"amount": 77} if day == 4 else {}))
        (standing,) = rollout.follow("refresh.clean_days(table_schema")
        assert standing["clean_days"] == (day if day < 4 else day - 4)
        if day < 18:
            with pytest.raises(StoreRefused, match=f"{standing['clean_days']} of 14 clean days"):
                rollout.follow("refresh.promote(")
    days = rollout.follow("FROM refresh.refresh_shadow_report")
    assert len(days) == 14
    assert all(row["clean"] for row in days), "rounding is within the tolerance"

    outside = rollout.live()
    rollout.follow("refresh.promote(")
    source = rollout.engine.bigquery(f"SELECT {_COLUMNS} FROM `{{d}}.orders` ORDER BY id")
    assert rollout.live() == source
    assert rollout.refresh("live")["status"] == "no_new_data"
    rollout.warehouse()
    rollout.day += timedelta(days=1)
    assert rollout.refresh("live")["status"] == "success"
    assert rollout.engine.sql("SELECT count(*) AS days FROM shop.by_day") == [{"days": 20}]
    assert rollout.engine.sql("SELECT has_table_privilege('refresh_reader', 'shop.orders', 'SELECT') AS may") == [
        {"may": True}
    ]

    with pytest.raises(StoreRefused, match=r"(later runs|published later)"):
        rollout.follow("refresh.roll_back(")
    (latest,) = rollout.engine.sql("SELECT run_id FROM refresh.refresh_publish ORDER BY publish_id DESC LIMIT 1")
    rollout.engine.sql("SELECT refresh.roll_back(:run)", run=latest["run_id"])
    rollout.follow("refresh.roll_back(")
    assert rollout.live() == outside, "as the other program had left it"
    rollout.follow("refresh.demote(")
    rollout.a_day()
    (standing,) = rollout.follow("refresh.clean_days(table_schema")
    assert standing["clean_days"] == 1, "counted anew"
    check_invariants(rollout.engine)
