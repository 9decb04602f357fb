"""The source changes its schema: every kind of change under every policy, between any two steps, beside views."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.dataset import Column, Dataset, Field
from shared.domain.errors import OutOfTime, StoreRefused
from shared.domain.ids import TableName
from shared.domain.messages import TableMessage
from shared.ports import Row
from tests.support.engine import Engine
from tests.support.invariants import check_invariants


@pytest.fixture
def orders(engine: Engine) -> Engine:
    """A table that was published once: ids, an amount, a note, a code that is never NULL."""
    engine.bigquery("CREATE TABLE `{d}.orders` (id INT64, amount INT64, note STRING, code STRING NOT NULL)")
    engine.bigquery("INSERT INTO `{d}.orders` VALUES (1, 10, 'a', 'x'), (2, 20, 'b', 'y')")
    engine.sql("CREATE TABLE public.orders (id bigint PRIMARY KEY, amount bigint, note text, code text NOT NULL)")
    engine.register("public.orders", "orders")
    assert engine.refresh("public.orders")["status"] == "success"
    return engine


def policy(engine: Engine, **policies: str) -> None:
    engine.sql("UPDATE refresh.refresh_table_registry SET drift_policies = :policies", policies=json.dumps(policies))


def rows(engine: Engine) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in engine.sql("SELECT * FROM public.orders ORDER BY id")]


def columns(engine: Engine) -> dict[str, str]:
    found = engine.sql(
        "SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
        " WHERE attrelid = CAST('public.orders' AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    return {row["name"]: row["type"] for row in found}


def held(task: Row) -> list[str]:
    """The statements that would mend what the task was held for."""
    assert (task["status"], task["reason"]) == ("held", "schema_drift"), task["error"]
    ddl: list[str] = task["details"]["ddl"]
    assert all(one in task["error"] for one in ddl)
    return [one.replace('"', "") for one in ddl]


def test_a_new_column_is_added_in_the_publish(orders: Engine) -> None:
    policy(orders, added="evolve")
    orders.bigquery("ALTER TABLE `{d}.orders` ADD COLUMN Extra NUMERIC")
    orders.bigquery("UPDATE `{d}.orders` SET Extra = 1.5 WHERE id = 1")
    task = orders.refresh("public.orders")
    assert (task["status"], task["rows_updated"]) == ("success", 1)
    assert columns(orders)["extra"] == "numeric"
    assert [str(row[-1]) for row in rows(orders)] == ["1.5", "None"]
    (audit,) = orders.sql("SELECT details, run_id FROM refresh.refresh_audit_log WHERE event = 'schema_evolved'")
    assert audit == {
        "details": {"ddl": ["ALTER TABLE public.orders ADD COLUMN extra numeric"]},
        "run_id": task["run_id"],
    }
    assert orders.refresh("public.orders")["status"] == "no_new_data"
    check_invariants(orders)


ADDED = "ALTER TABLE `{d}.orders` ADD COLUMN extra NUMERIC"
DROPPED = "ALTER TABLE `{d}.orders` DROP COLUMN note"
WIDENED = "ALTER TABLE `{d}.orders` ALTER COLUMN amount SET DATA TYPE NUMERIC"
NULLABLE = "ALTER TABLE `{d}.orders` ALTER COLUMN code DROP NOT NULL"
RETYPED = (
    "CREATE OR REPLACE TABLE `{d}.orders` AS SELECT id, CAST(amount AS STRING) AS amount, note, code FROM `{d}.orders`"
)


@pytest.mark.parametrize(
    ("change", "kind", "policies", "ddl"),
    [
        (ADDED, "added", ["hold"], "ALTER TABLE public.orders ADD COLUMN extra numeric"),
        (DROPPED, "dropped", ["hold", "evolve", None], "ALTER TABLE public.orders DROP COLUMN note"),
        (WIDENED, "widened", ["hold", "ignore"], "ALTER TABLE public.orders ALTER COLUMN amount TYPE numeric"),
        (NULLABLE, "nullability", ["hold"], "ALTER TABLE public.orders ALTER COLUMN code DROP NOT NULL"),
        (
            RETYPED,
            "retyped",
            ["hold", "evolve", "ignore", None],
            "ALTER TABLE public.orders ALTER COLUMN amount TYPE text USING amount::text",
        ),
    ],
    ids=["added", "dropped", "widened", "nullability", "retyped"],
)
def test_what_is_held_names_the_statement_that_mends_it(
    orders: Engine, change: str, kind: str, policies: list[str | None], ddl: str
) -> None:
    before, shape = rows(orders), columns(orders)
    orders.bigquery(change)
    for chosen in policies:
        policy(orders, **({kind: chosen} if chosen else {}))
        task = orders.refresh("public.orders")
        assert held(task) == [ddl]
        assert [one["change"] for one in task["details"]["schema_changes"]] == [kind]
    assert (rows(orders), columns(orders)) == (before, shape)
    check_invariants(orders)


@pytest.mark.parametrize(
    ("change", "kind", "ddl", "status"),
    [
        (ADDED, "added", "ALTER TABLE public.orders ADD COLUMN extra numeric", "no_new_data"),
        (DROPPED, "dropped", "ALTER TABLE public.orders DROP COLUMN note", "success"),
        (WIDENED, "widened", "ALTER TABLE public.orders ALTER COLUMN amount TYPE numeric", "success"),
        (RETYPED, "retyped", "ALTER TABLE public.orders ALTER COLUMN amount TYPE text USING amount::text", "success"),
    ],
    ids=["added", "dropped", "widened", "retyped"],
)
def test_the_statement_does_mend_it(orders: Engine, change: str, kind: str, ddl: str, status: str) -> None:
    policy(orders, **{kind: "hold"})
    orders.bigquery(change)
    assert held(orders.refresh("public.orders")) == [ddl]
    orders.sql(ddl)
    task = orders.refresh("public.orders")
    assert task["status"] in (status, "success"), task["error"]
    assert orders.refresh("public.orders")["status"] == "no_new_data"


def test_by_default_a_new_column_is_noted_and_kept_from_readers(orders: Engine) -> None:
    orders.bigquery(ADDED)
    for _ in range(2):
        task = orders.refresh("public.orders")
        assert (task["status"], task["details"]["ignored_columns"]) == ("no_new_data", ["extra"])
        (change,) = task["details"]["schema_changes"]
        assert change == {
            "change": "added",
            "source_column": "extra",
            "target_column": "extra",
            "after": "extra NUMERIC",
            "policy": "ignore",
        }
    policy(orders, added="evolve")
    assert orders.refresh("public.orders")["status"] == "success"
    assert "extra" in columns(orders)


def test_a_column_that_was_left_out_from_the_start_is_not_new(engine: Engine) -> None:
    engine.bigquery("CREATE TABLE `{d}.orders` (id INT64, email STRING)")
    engine.bigquery("INSERT INTO `{d}.orders` VALUES (1, 'a@b')")
    engine.sql("CREATE TABLE public.orders (id bigint PRIMARY KEY)")
    engine.register("public.orders", "orders", drift_policies=json.dumps({"added": "evolve"}))
    assert engine.refresh("public.orders")["status"] == "success"
    assert engine.refresh("public.orders")["status"] == "no_new_data"
    assert columns(engine) == {"id": "bigint"}


def test_a_column_that_is_gone_keeps_its_values_where_that_is_ignored(orders: Engine) -> None:
    policy(orders, dropped="ignore")
    orders.bigquery(DROPPED)
    orders.bigquery("UPDATE `{d}.orders` SET amount = 11 WHERE id = 1")
    orders.bigquery("INSERT INTO `{d}.orders` (id, amount, code) VALUES (3, 30, 'z')")
    task = orders.refresh("public.orders")
    assert (task["status"], task["rows_updated"], task["rows_inserted"]) == ("success", 1, 1)
    assert rows(orders) == [(1, 11, "a", "x"), (2, 20, "b", "y"), (3, 30, None, "z")]
    assert orders.refresh("public.orders")["details"]["schema_changes"][0]["change"] == "dropped"
    policy(orders)
    assert held(orders.refresh("public.orders")) == ["ALTER TABLE public.orders DROP COLUMN note"]


@pytest.mark.parametrize("column", ["id", "code"])
def test_a_column_that_needs_a_value_cannot_be_ignored(orders: Engine, column: str) -> None:
    policy(orders, dropped="ignore")
    orders.bigquery(f"ALTER TABLE `{{d}}.orders` DROP COLUMN {column}")
    expected = [] if column == "id" else ["ALTER TABLE public.orders ALTER COLUMN code DROP NOT NULL"]
    assert held(orders.refresh("public.orders")) == expected


@pytest.mark.parametrize(("chosen", "status"), [("evolve", "success"), ("ignore", "success"), ("hold", "held")])
def test_a_column_renamed_by_the_map(orders: Engine, chosen: str, status: str) -> None:
    policy(orders, renamed=chosen)
    orders.bigquery("ALTER TABLE `{d}.orders` RENAME COLUMN note TO remark")
    assert held(orders.refresh("public.orders")) == ["ALTER TABLE public.orders DROP COLUMN note"]
    orders.sql('UPDATE refresh.refresh_table_registry SET column_map = \'{"remark": "note"}\'')
    orders.bigquery("UPDATE `{d}.orders` SET remark = 'A' WHERE id = 1")
    task = orders.refresh("public.orders")
    assert task["status"] == status, task["error"]
    if status == "held":
        assert held(task) == []
        policy(orders)
        assert orders.refresh("public.orders")["status"] == "success"
    assert rows(orders)[0] == (1, 10, "A", "x")
    assert orders.refresh("public.orders")["status"] == "no_new_data"


def test_a_wider_number_is_taken_as_it_is(orders: Engine) -> None:
    orders.bigquery(WIDENED)
    orders.bigquery("UPDATE `{d}.orders` SET amount = 10.25 WHERE id = 1")
    task = orders.refresh("public.orders")
    assert (task["status"], task["rows_updated"]) == ("success", 1)
    assert columns(orders)["amount"] == "numeric"
    assert str(rows(orders)[0][1]) == "10.25"


def test_a_longer_text_is_taken_as_it_is_without_writing_the_table_anew(engine: Engine) -> None:
    engine.bigquery("CREATE TABLE `{d}.orders` (id INT64, code STRING(3))")
    engine.bigquery("INSERT INTO `{d}.orders` VALUES (1, 'abc')")
    engine.sql("CREATE TABLE public.orders (id bigint PRIMARY KEY, code varchar(3))")
    engine.register("public.orders", "orders")
    assert engine.refresh("public.orders")["status"] == "success"
    (before,) = engine.sql("SELECT relfilenode FROM pg_class WHERE relname = 'orders'")
    engine.bigquery("CREATE OR REPLACE TABLE `{d}.orders` (id INT64, code STRING(5))")
    engine.bigquery("INSERT INTO `{d}.orders` VALUES (1, 'abc'), (2, 'abcde')")
    assert engine.refresh("public.orders")["status"] == "success"
    assert columns(engine)["code"] == "character varying(5)"
    assert engine.sql("SELECT relfilenode FROM pg_class WHERE relname = 'orders'") == [before]


@pytest.mark.parametrize(("chosen", "status"), [("ignore", "success"), ("evolve", "success"), ("hold", "held")])
def test_a_narrower_number_still_fits(engine: Engine, chosen: str, status: str) -> None:
    engine.bigquery("CREATE TABLE `{d}.orders` AS SELECT 1 AS id, NUMERIC '2.5' AS amount")
    engine.sql("CREATE TABLE public.orders (id bigint PRIMARY KEY, amount numeric)")
    engine.register("public.orders", "orders", drift_policies=json.dumps({"narrowed": chosen}))
    assert engine.refresh("public.orders")["status"] == "success"
    engine.bigquery("CREATE OR REPLACE TABLE `{d}.orders` AS SELECT 1 AS id, 3 AS amount")
    task = engine.refresh("public.orders")
    assert task["status"] == status, task["error"]
    assert columns(engine)["amount"] == "numeric"


@pytest.mark.parametrize(("chosen", "reason"), [("ignore", "rows_quarantined"), ("evolve", None)])
def test_a_column_that_may_be_null_now(orders: Engine, chosen: str, reason: str | None) -> None:
    policy(orders, nullability=chosen)
    orders.bigquery(NULLABLE)
    orders.bigquery("INSERT INTO `{d}.orders` (id, amount, note) VALUES (3, 30, 'c')")
    task = orders.refresh("public.orders")
    assert task["reason"] == reason
    assert len(rows(orders)) == (2 if reason else 3)
    if reason:
        policy(orders, nullability="evolve")
        assert orders.refresh("public.orders")["status"] == "success"
        assert rows(orders)[2] == (3, 30, "c", None)


def test_a_view_on_the_column_holds_the_table_and_is_left_whole(orders: Engine) -> None:
    orders.sql("CREATE VIEW public.totals AS SELECT sum(amount) AS total FROM public.orders")
    orders.bigquery(WIDENED)
    task = orders.refresh("public.orders")
    assert held(task) == ["ALTER TABLE public.orders ALTER COLUMN amount TYPE numeric"]
    assert "totals depend(s) on the column" in task["error"]
    assert [int(row["total"]) for row in orders.sql("SELECT total FROM public.totals")] == [30]


def test_a_view_that_comes_between_plan_and_publish_holds_the_table(orders: Engine) -> None:
    orders.bigquery(WIDENED)
    orders.steps.actions["slice_committed"] = lambda: orders.sql(
        "CREATE VIEW public.totals AS SELECT sum(amount) AS total FROM public.orders"
    )
    task = orders.refresh("public.orders")
    assert (task["status"], task["reason"]) == ("held", "schema_drift"), task["error"]
    assert columns(orders)["amount"] == "bigint"
    check_invariants(orders)


def test_a_view_of_all_columns_does_not_mind_a_new_one(orders: Engine) -> None:
    orders.sql("CREATE VIEW public.everything AS SELECT * FROM public.orders")
    policy(orders, added="evolve", nullability="evolve")
    orders.bigquery(ADDED)
    orders.bigquery(NULLABLE)
    assert orders.refresh("public.orders")["status"] == "success"
    assert len(orders.sql("SELECT * FROM public.everything")[0]) == 4


def test_a_table_of_somebody_else_is_held_with_the_owner_named(orders: Engine) -> None:
    orders.sql("CREATE ROLE drift_migrator; CREATE ROLE drift_owner")
    try:
        orders.sql("ALTER TABLE public.orders OWNER TO drift_owner")
        orders.sql("ALTER FUNCTION refresh.evolve_table OWNER TO drift_migrator")
        policy(orders, added="evolve")
        orders.bigquery(ADDED)
        task = orders.refresh("public.orders")
        assert held(task) == ["ALTER TABLE public.orders ADD COLUMN extra numeric"]
        assert "belongs to drift_owner" in task["error"]
    finally:
        orders.sql("REASSIGN OWNED BY drift_migrator, drift_owner TO CURRENT_USER")
        orders.sql("DROP ROLE drift_migrator; DROP ROLE drift_owner")


@pytest.mark.parametrize(
    "changes",
    [
        '[{"change": "widen_column", "column": "amount", "type": "smallint"}]',
        '[{"change": "widen_column", "column": "note", "type": "character varying(1)"}]',
        '[{"change": "add_column", "column": "x", "type": "bigint DEFAULT pg_sleep(1)"}]',
        '[{"change": "add_column", "column": "amount", "type": "text"}]',
        '[{"change": "drop_not_null", "column": "nowhere"}]',
        '[{"change": "drop_column", "column": "note", "type": "x"}]',
    ],
)
def test_the_database_makes_safe_changes_only(orders: Engine, changes: str) -> None:
    shape = columns(orders)
    with pytest.raises(StoreRefused, match="no safe change"):
        orders.sql("SELECT refresh.evolve_table('public', 'orders', CAST(:changes AS jsonb))", changes=changes)
    with pytest.raises(StoreRefused, match="is not registered"):
        orders.sql("SELECT refresh.evolve_table('refresh', 'refresh_run', '[]')")
    assert columns(orders) == shape


def test_a_table_is_not_written_anew_under_a_reader_that_would_see_it_empty(orders: Engine) -> None:
    orders.bigquery(WIDENED)
    orders.limits = replace(orders.limits, lock_attempts=2)
    with orders.store.transaction(isolation="repeatable read") as reader:
        reader.run("SELECT 1 FROM refresh.refresh_run LIMIT 1")
        task = orders.refresh("public.orders")
        assert (task["status"], task["reason"]) == ("queued", "lock_timeout")
        assert len(reader.run("SELECT * FROM public.orders")) == 2
    orders.sql("UPDATE refresh.refresh_task SET not_before = now() WHERE status = 'queued'")
    message = TableMessage(run_id=task["run_id"], table=TableName.parse("public.orders"))
    assert orders.deliver(message)["status"] == "success"
    assert columns(orders)["amount"] == "numeric"


# The emulator breaks down when a table is aggregated as it was before a column was dropped or got another type.
UNDER_A_WORKER = [
    *((step, ADDED) for step in ("plan_queried", "plan_committed", "slice_queried", "publish_locked")),
    *((step, WIDENED) for step in ("plan_queried", "slice_claimed", "chunk_committed", "publish_recorded")),
    *((step, DROPPED) for step in ("slice_queried", "slice_committed", "publishing_claimed")),
]


@pytest.mark.parametrize(("step", "change"), UNDER_A_WORKER)
def test_the_source_changes_under_a_worker(orders: Engine, step: str, change: str) -> None:
    """Whatever the run publishes is the source as of its snapshot; the next run takes the change."""
    policy(orders, added="evolve", dropped="ignore")
    orders.bigquery("UPDATE `{d}.orders` SET amount = 11 WHERE id = 1")
    orders.steps.actions[step] = _once(lambda: orders.bigquery(change))
    task = orders.refresh("public.orders")
    assert (task["status"], rows(orders)[0]) == ("success", (1, 11, "a", "x")), task["error"]
    assert orders.refresh("public.orders")["status"] in ("success", "no_new_data")
    assert columns(orders)["amount"] == ("numeric" if change == WIDENED else "bigint")
    assert ("extra" in columns(orders)) == (change == ADDED)
    check_invariants(orders)


@pytest.mark.parametrize(
    ("step", "change"),
    [("before", ADDED), ("slice_queried", ADDED), ("slice_queried", WIDENED), ("slice_committed", WIDENED)],
)
def test_the_source_changes_between_two_workers(orders: Engine, step: str, change: str) -> None:
    """A run's schema is that of its snapshot, whoever works on it and whenever."""
    policy(orders, added="evolve")
    orders.bigquery("UPDATE `{d}.orders` SET amount = 11 WHERE id = 1")
    message = orders.task("public.orders")
    if step != "before":
        orders.steps.actions[step] = _once(_out_of_time)
        assert orders.deliver(message)["status"] == "running"
    shape = columns(orders)
    orders.bigquery(change)
    task = orders.deliver(message)
    assert (task["status"], rows(orders)[0]) == ("success", (1, 11, "a", "x")), task["error"]
    assert columns(orders) == shape
    assert orders.refresh("public.orders")["status"] == "success"
    assert columns(orders) != shape
    check_invariants(orders)


def test_a_registration_that_changes_during_a_run_has_the_table_done_again(orders: Engine) -> None:
    orders.bigquery("UPDATE `{d}.orders` SET amount = 11 WHERE id = 1")
    message = orders.task("public.orders")
    orders.steps.actions["slice_queried"] = _once(_out_of_time)
    orders.deliver(message)
    orders.sql("UPDATE refresh.refresh_table_registry SET column_map = '{\"note\": null}'")
    task = orders.deliver(message)
    assert (task["status"], task["reason"]) == ("failed", "definition_changed"), task["error"]
    (again,) = orders.sql("SELECT request FROM refresh.refresh_run WHERE idempotency_key LIKE 'definition%'")
    assert again["request"] == {"force": False, "tables": ["public.orders"]}
    check_invariants(orders)


def test_the_gone_column_of_a_dataset_holds_its_table(engine: Engine) -> None:
    fields = (Field(name="id", type="INT64"), Field(name="price", type="NUMERIC", default="CAST(NULL AS NUMERIC)"))
    dataset = Dataset(
        name="items",
        fields=fields,
        sql="SELECT id, price, 0 AS refresh_superseded, 0 AS refresh_merged FROM source",
        columns=(Column(name="id", type="INT64"), Column(name="price", type="NUMERIC")),
        key_columns=("id",),
        scope_column="id",
        scope_field="id",
    )
    engine.bigquery("CREATE TABLE `{d}.items` AS SELECT 1 AS id, NUMERIC '2.5' AS price, 'x' AS other")
    engine.sql("CREATE TABLE public.items (id bigint PRIMARY KEY, price numeric)")
    engine.register("public.items", "items", scope_column="id")
    assert engine.refresh("public.items", datasets={"items": dataset})["status"] == "success"
    engine.bigquery("ALTER TABLE `{d}.items` DROP COLUMN price")
    task = engine.refresh("public.items", datasets={"items": dataset})
    assert held(task) == []
    assert "map another source column to it" in task["error"]
    policy(engine, dropped="ignore")
    assert engine.refresh("public.items", datasets={"items": dataset})["status"] == "success"
    assert engine.sql("SELECT price FROM public.items") == [{"price": None}]
    engine.bigquery("ALTER TABLE `{d}.items` DROP COLUMN id")
    assert held(engine.refresh("public.items", datasets={"items": dataset})) == []


def _once(act: Callable[[], object]) -> Callable[[], None]:
    left = [act]

    def acted() -> None:
        if left:
            left.pop()()

    return acted


def _out_of_time() -> None:
    raise OutOfTime("as the test wants it")


def test_a_dry_run_changes_no_table_and_says_what_a_run_would_change(orders: Engine) -> None:
    policy(orders, added="evolve")
    shape = columns(orders)
    orders.bigquery(ADDED)
    message = orders.task("public.orders")
    orders.sql("UPDATE refresh.refresh_task SET mode = 'dry_run' WHERE status = 'queued'")
    task = orders.deliver(message)
    assert (task["status"], task["reason"]) == ("held", "schema_drift")
    assert 'ADD COLUMN "extra" numeric' in task["error"]
    assert columns(orders) == shape


def test_what_was_published_across_a_change_of_the_table_is_taken_back(orders: Engine) -> None:
    policy(orders, added="evolve")
    orders.bigquery("UPDATE `{d}.orders` SET amount = 11 WHERE id = 1")
    before = orders.refresh("public.orders")
    orders.bigquery(ADDED)
    orders.bigquery("UPDATE `{d}.orders` SET extra = 1.5, amount = 12 WHERE id = 1")
    across = orders.refresh("public.orders")
    for task, amount in ((across, 11), (before, 10)):
        orders.sql("SELECT refresh.roll_back(:run, requested_by => 'test', reason => 'test')", run=task["run_id"])
        assert rows(orders)[0] == (1, amount, "a", "x", None)
    task = orders.refresh("public.orders", force=True)
    assert task["status"] == "success", task["error"]
    assert [str(value) for value in rows(orders)[0]] == ["1", "12", "a", "x", "1.5"]
