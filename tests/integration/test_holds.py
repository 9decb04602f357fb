"""A held table keeps what it has, until somebody releases or refuses what came, or something better comes."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest

from shared.domain.errors import SnapshotLost, StoreRefused
from shared.domain.ids import RunId
from shared.orchestration.plan_run import plan_requested
from tests.support.decisions import asks_to_release, failed_checks, planned, refuse, release
from tests.support.engine import Engine
from tests.support.failing import FailingSource, Failure
from tests.support.invariants import check_invariants
from tests.support.orders import Orders

TABLE = "public.orders"
NOT_HELD, SUPERSEDED, RUNNING, DISABLED, NO_CHECK, RELEASED, REFUSED, EXPIRED = (f"RF00{n}" for n in range(1, 9))


def _events(engine: Engine) -> list[str]:
    rows = engine.sql(
        "SELECT payload ->> 'type' AS type FROM refresh.refresh_outbox WHERE topic = 'refresh-events'"
        " ORDER BY outbox_id"
    )
    return [row["type"] for row in rows]


def _refused_with(sqlstate: str, engine: Engine, table: str = TABLE, **options: object) -> StoreRefused:
    with pytest.raises(StoreRefused) as caught:
        release(engine, table, **options)  # type: ignore[arg-type]
    assert caught.value.sqlstate == sqlstate, caught.value
    return caught.value


@pytest.fixture
def orders(engine: Engine) -> Orders:
    """Four days, published."""
    orders = Orders(engine)
    orders.days(1, 4)
    assert orders.refresh()["status"] == "success"
    return orders


def _halve(orders: Orders) -> Counter[tuple[object, ...]]:
    """Take three of the four days away; what the source has then."""
    orders.engine.bigquery("DELETE FROM `{d}.orders` WHERE day > DATE '2025-01-01'")
    return orders.source()


def test_a_held_table_is_released_at_the_snapshot_at_which_it_was_held(orders: Orders) -> None:
    engine, published = orders.engine, orders.target()
    halved = _halve(orders)
    held = orders.refresh()
    assert (held["status"], held["reason"]) == ("held", "halved_source")
    assert failed_checks(engine, held) == [(None, "table_rows", "hold", False)]
    assert orders.target() == published
    orders.days(5, 5)

    task = release(engine, TABLE)
    assert (task["status"], task["rows_deleted"]) == ("success", 12)
    assert failed_checks(engine, task) == [(None, "table_rows", "hold", True)]
    assert orders.target() == halved
    assert _events(engine) == ["refresh.completed", "refresh.held", "refresh.recovered"]
    assert orders.refresh()["status"] == "success"
    assert orders.target() == orders.source()
    check_invariants(engine)


def test_held_scopes_are_released_and_nothing_else_is_touched(engine: Engine) -> None:
    orders = Orders(engine, checks='{"scope_min_ratio": 0.5}')
    orders.days(1, 3)
    orders.refresh()
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id IN (300, 301, 302)")
    orders.days(4, 4)
    held = orders.refresh()
    assert (held["status"], held["reason"]) == ("warning", "scopes_held")
    engine.bigquery("UPDATE `{d}.orders` SET customer = 'later' WHERE id IN (100, 303)")

    task = release(engine, TABLE)
    assert (task["status"], task["rows_deleted"], task["rows_inserted"]) == ("success", 3, 0)
    assert {row[0] for row in orders.target() if 300 <= row[0] < 400} == {303}
    assert "later" not in {row[2] for row in orders.target()}
    _refused_with(RELEASED, engine, run_id=held["run_id"])
    assert orders.refresh()["rows_updated"] == 1
    check_invariants(engine)


def test_a_release_overrides_what_was_shown_and_no_other_check(orders: Orders) -> None:
    engine, published = orders.engine, orders.target()
    _halve(orders)
    orders.refresh()
    engine.sql("UPDATE refresh.refresh_table_registry SET checks = '{\"scope_min_ratio\": 0.5}'")
    task = release(engine, TABLE)
    assert (task["status"], task["reason"]) == ("held", "scopes_held")
    assert orders.target() == published
    assert release(engine, TABLE)["status"] == "success"
    assert orders.target() == orders.source()


def test_what_was_published_since_is_not_released(orders: Orders) -> None:
    engine = orders.engine
    _halve(orders)
    held = orders.refresh()
    orders.days(2, 4)
    assert orders.refresh()["status"] == "no_new_data"
    _refused_with(NOT_HELD, engine)
    _refused_with(SUPERSEDED, engine, run_id=held["run_id"])
    with pytest.raises(StoreRefused):
        refuse(engine, TABLE, run_id=held["run_id"])


def test_a_run_that_publishes_between_the_asking_and_the_release_wins(orders: Orders) -> None:
    engine = orders.engine
    _halve(orders)
    orders.refresh()
    message = asks_to_release(engine, TABLE)
    orders.days(2, 4)
    orders.refresh(force=True)
    task = engine.deliver(message)
    assert (task["status"], task["reason"]) == ("skipped", "superseded")
    assert orders.target() == orders.source()
    check_invariants(engine)


def test_a_second_release_waits_for_the_first_and_then_has_nothing_to_do(orders: Orders) -> None:
    engine = orders.engine
    _halve(orders)
    held = orders.refresh()
    message = asks_to_release(engine, TABLE)
    assert str(message.run_id) in str(_refused_with(RUNNING, engine))
    engine.deliver(message)
    engine.sql("UPDATE refresh.refresh_run SET status = 'success', finished_at = now() WHERE status = 'running'")
    _refused_with(NOT_HELD, engine)
    assert str(message.run_id) in str(_refused_with(RELEASED, engine, run_id=held["run_id"]))


def test_what_is_refused_stays_held_and_nobody_is_asked_again(orders: Orders) -> None:
    engine, published = orders.engine, orders.target()
    _halve(orders)
    held = orders.refresh()
    assert refuse(engine, TABLE) == 3
    assert "half of it is missing" in str(_refused_with(REFUSED, engine))
    for _ in range(2):
        again = orders.refresh()
        assert (again["status"], again["reason"]) == ("held", "refused")
        assert {check[1] for check in failed_checks(engine, again)} == {"refused", "table_rows"}
    assert orders.target() == published
    (trail,) = engine.sql("SELECT run_id, details FROM refresh.refresh_audit_log WHERE event = 'hold_refused'")
    assert trail["run_id"] == held["run_id"]
    assert (trail["details"]["by"], trail["details"]["why"]) == ("ada", "half of it is missing")

    orders.days(5, 5)
    task = orders.refresh()
    assert (task["status"], task["reason"], task["rows_inserted"]) == ("warning", "refused", 4)
    assert orders.target() == published + Counter({row: 1 for row in orders.source() if row[0] >= 500})
    orders.days(2, 3)
    orders.insert((400, "2025-01-04", "another", "1"))
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("success", None)
    assert orders.target() == orders.source()
    check_invariants(engine)


def test_what_was_refused_can_be_released_when_it_comes_again(orders: Orders) -> None:
    engine = orders.engine
    halved = _halve(orders)
    orders.refresh()
    refuse(engine, TABLE)
    again = orders.refresh()
    assert again["reason"] == "refused"
    assert release(engine, TABLE)["status"] == "success"
    assert orders.target() == halved
    assert engine.sql("SELECT FROM refresh.refresh_partition_state WHERE refused_at IS NOT NULL") == []


def test_a_run_that_is_under_way_does_not_publish_what_is_refused_meanwhile(engine: Engine) -> None:
    orders = Orders(engine, checks='{"scope_min_ratio": 0.5}')
    orders.days(1, 3)
    orders.refresh()
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id IN (300, 301, 302)")
    orders.refresh()
    published = orders.target()
    engine.sql("UPDATE refresh.refresh_table_registry SET checks = '{}'")
    message = engine.task(TABLE)
    engine.steps.actions["publishing_claimed"] = lambda: _refuse_beside(engine)
    task = engine.deliver(message)
    assert (task["status"], task["reason"]) == ("held", "refused")
    assert failed_checks(engine, task) == [("2025-01-03", "refused", "hold", False)]
    assert orders.target() == published
    check_invariants(engine)


def _refuse_beside(engine: Engine) -> None:
    """As if the run under way had not been seen: it was planned in the very moment in which somebody refused."""
    engine.sql(
        "UPDATE refresh.refresh_partition_state p SET refused = jsonb_build_object(s.fingerprint, t.definition_hash),"
        " refused_why = jsonb_build_object(s.fingerprint, 'refused'), refused_at = now()"
        " FROM refresh.refresh_task_scope s JOIN refresh.refresh_task t USING (run_id)"
        " WHERE s.scope = p.scope AND s.action = 'held'"
    )


def test_a_scope_that_was_never_published_can_be_refused(engine: Engine) -> None:
    orders = Orders(engine, checks='{"scope_min_ratio": 0.5}')
    orders.days(1, 2)
    orders.refresh()
    orders.days(3, 3, rows=1)
    assert orders.refresh()["status"] == "held"
    assert refuse(engine, TABLE) == 1
    assert orders.refresh()["reason"] == "refused"
    orders.insert((301, "2025-01-03", "b", "1"), (302, "2025-01-03", "c", "1"))
    assert orders.refresh()["status"] == "success"
    assert orders.target() == orders.source()


def test_one_release_of_a_scope_that_was_refused_is_enough(engine: Engine) -> None:
    orders = Orders(engine, checks='{"scope_min_ratio": 0.5}')
    orders.days(1, 2)
    orders.refresh()
    orders.days(3, 3, rows=1)
    orders.refresh()
    refuse(engine, TABLE)
    again = orders.refresh()
    assert again["reason"] == "refused"
    assert failed_checks(engine, again) == [
        ("2025-01-03", "refused", "hold", False),
        ("2025-01-03", "scope_rows", "hold", False),
    ]
    assert release(engine, TABLE)["status"] == "success"
    assert orders.target() == orders.source()


def test_an_empty_source_is_refused_and_released_as_any_other(orders: Orders) -> None:
    engine, published = orders.engine, orders.target()
    engine.bigquery("DELETE FROM `{d}.orders` WHERE true")
    assert orders.refresh()["reason"] == "empty_source"
    assert refuse(engine, TABLE) == 4
    assert orders.refresh()["reason"] == "refused"
    assert orders.target() == published
    assert release(engine, TABLE)["status"] == "success"
    assert orders.target() == Counter()


def test_what_no_check_has_held_is_not_released(orders: Orders) -> None:
    engine = orders.engine
    message = engine.task(TABLE)
    engine.sql("UPDATE refresh.refresh_task SET status = 'running' WHERE run_id = :run", run=message.run_id)
    engine.sql(
        "UPDATE refresh.refresh_task SET status = 'held', reason = 'over_budget' WHERE run_id = :run",
        run=message.run_id,
    )
    engine.sql("UPDATE refresh.refresh_run SET status = 'warning', finished_at = now() WHERE status = 'running'")
    assert "over_budget" in str(_refused_with(NO_CHECK, engine))
    _refused_with("42P01", engine, "public.nothing")
    engine.sql("UPDATE refresh.refresh_table_registry SET mode = 'disabled'")
    _refused_with(DISABLED, engine)


def test_more_deleted_rows_than_allowed_hold_even_if_as_many_come(engine: Engine) -> None:
    orders = Orders(engine, checks='{"max_deleted_share": 0.25}')
    orders.days(1, 4)
    orders.refresh()
    published = orders.target()
    engine.bigquery("UPDATE `{d}.orders` SET id = id + 50 WHERE day <= DATE '2025-01-02'")
    held = orders.refresh()
    assert (held["status"], held["reason"]) == ("held", "too_many_deleted")
    assert "8 of 16" in held["error"]
    assert orders.target() == published
    assert engine.staging_tables() == [held["staging_table"]]
    check_invariants(engine)

    engine.steps.seen.clear()
    task = release(engine, TABLE)
    assert (task["status"], task["rows_deleted"], task["rows_inserted"]) == ("success", 8, 8)
    assert "staging_adopted" in engine.steps.seen
    assert not [step for step in engine.steps.seen if step.startswith(("plan_", "slice_"))]
    assert orders.target() == orders.source()
    assert engine.staging_tables() == []
    assert (task["bytes_billed"], task["rows_read"]) == (0, 8)
    check_invariants(engine)


def test_what_a_refused_delivery_deletes_is_shown_before_it_is_released(engine: Engine) -> None:
    """It is counted when it is written, which it never was while it was held as refused."""
    orders = Orders(engine, checks='{"max_deleted_share": 0.25}')
    orders.days(1, 4)
    orders.refresh()
    published = orders.target()
    engine.bigquery("UPDATE `{d}.orders` SET id = id + 50 WHERE day <= DATE '2025-01-02'")
    orders.refresh()
    refuse(engine, TABLE)
    assert orders.refresh()["reason"] == "refused"
    task = release(engine, TABLE)
    assert (task["status"], task["reason"]) == ("held", "too_many_deleted")
    assert orders.target() == published
    assert release(engine, TABLE)["status"] == "success"
    assert orders.target() == orders.source()


def test_what_was_staged_is_made_again_when_it_is_gone(engine: Engine) -> None:
    orders = Orders(engine, checks='{"max_deleted_share": 0.25}')
    orders.days(1, 4)
    orders.refresh()
    engine.bigquery("UPDATE `{d}.orders` SET id = id + 50 WHERE day <= DATE '2025-01-02'")
    held = orders.refresh()
    expected = orders.source()
    engine.bigquery("DELETE FROM `{d}.orders` WHERE id = 400")
    engine.sql("SELECT refresh.cleanup(as_of => now() + interval '49 hours')")
    assert engine.staging_tables() == []
    assert release(engine, TABLE, held["run_id"])["status"] == "success"
    assert orders.target() == expected


def test_a_restart_that_empties_what_was_staged_has_it_read_again(engine: Engine) -> None:
    orders = Orders(engine, checks='{"max_deleted_share": 0.25}', slice_target_rows=4)
    orders.days(1, 4)
    orders.refresh()
    engine.bigquery("UPDATE `{d}.orders` SET id = id + 50 WHERE day <= DATE '2025-01-02'")
    held = orders.refresh()
    engine.sql(f"DELETE FROM refresh_staging.{held['staging_table']} WHERE refresh_slice = 1")
    task = release(engine, TABLE)
    assert (task["status"], task["rows_read"]) == ("success", 8)
    assert orders.target() == orders.source()
    check_invariants(engine)


def test_a_snapshot_that_can_no_longer_be_read_fails_the_release(orders: Orders) -> None:
    engine, published = orders.engine, orders.target()
    _halve(orders)
    orders.refresh()
    source = engine.source
    lost = Failure(lambda: SnapshotLost("time travel has passed it"), at=1, for_good=True, calls=frozenset({"run"}))
    engine.source = FailingSource(source, lost)
    task = release(engine, TABLE)
    assert (task["status"], task["reason"]) == ("failed", "snapshot_lost")
    assert orders.target() == published
    engine.source = source
    assert release(engine, TABLE)["status"] == "success"


def test_one_table_of_a_publish_group_after_the_other_is_released(engine: Engine) -> None:
    orders = Orders(engine, publish_group="sales")
    engine.sql("CREATE TABLE public.copies (id bigint PRIMARY KEY, day date, customer text, amount numeric)")
    engine.register("public.copies", "orders", key_columns=["id"], publish_group="sales")
    orders.days(1, 4)
    _publish_all(engine, engine.sql("SELECT refresh.request_run() AS run_id")[0]["run_id"])
    _halve(orders)
    run = engine.sql("SELECT refresh.request_run() AS run_id")[0]["run_id"]
    assert _publish_all(engine, run) == {"copies": "held", "orders": "held"}
    held = engine.sql("SELECT table_name, reason FROM refresh.refresh_task WHERE run_id = :run", run=run)
    own = [row["table_name"] for row in held if row["reason"] == "halved_source"]
    first, second = (TABLE, "public.copies") if own[0] == "orders" else ("public.copies", TABLE)
    (row,) = engine.sql("SELECT refresh.release(:table) AS run_id", table=first)
    assert _publish_all(engine, row["run_id"]) == {"copies": "held", "orders": "held"}
    (row,) = engine.sql("SELECT refresh.release(:table) AS run_id", table=second)
    assert _publish_all(engine, row["run_id"]) == {"copies": "success", "orders": "success"}
    assert orders.target() == orders.source()
    assert engine.sql("SELECT count(*) AS n FROM public.copies")[0]["n"] == 4


def _publish_all(engine: Engine, run_id: UUID) -> dict[str, str]:
    """Take a run of both tables to its end; how each has ended."""
    for table in ("public.copies", TABLE):
        engine.deliver(planned(engine, run_id, table))
    for table in ("public.copies", TABLE):
        engine.deliver(planned(engine, run_id, table))
    rows = engine.sql("SELECT table_name, status FROM refresh.refresh_task WHERE run_id = :run", run=run_id)
    plan_requested(engine.store, engine.source, RunId(run_id))
    return {row["table_name"]: row["status"] for row in rows}


def test_tables_that_were_skipped_and_views_come_with_the_release(orders: Orders) -> None:
    engine = orders.engine
    engine.sql("CREATE TABLE public.items (id bigint PRIMARY KEY, day date, customer text, amount numeric)")
    engine.register("public.items", "orders", key_columns=["id"])
    engine.sql("CREATE MATERIALIZED VIEW public.totals AS SELECT day, sum(amount) FROM public.orders GROUP BY day")
    engine.sql("CREATE UNIQUE INDEX ON public.totals (day)")
    engine.sql("SELECT refresh.register_table('public', 'totals', handler => 'summaries')")
    engine.sql("INSERT INTO refresh.refresh_dependency VALUES ('public', 'items', 'public', 'orders', 'hard')")
    engine.sql("INSERT INTO refresh.refresh_dependency VALUES ('public', 'totals', 'public', 'orders', 'soft')")
    _halve(orders)
    held = orders.refresh()
    engine.sql(
        "INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority)"
        " VALUES (:run, 'public', 'items', 'generic', 100)",
        run=held["run_id"],
    )
    engine.sql("UPDATE refresh.refresh_task SET status = 'skipped', reason = 'input_failed' WHERE table_name = 'items'")
    message = asks_to_release(engine, TABLE)
    (run,) = engine.sql("SELECT trigger, request FROM refresh.refresh_run WHERE run_id = :run", run=message.run_id)
    assert run["trigger"] == "manual"
    assert run["request"]["tables"] == ["public.items", TABLE, "public.totals"]
    assert run["request"]["release_of"] == str(held["run_id"])
