"""Promotion and demotion: refused until it is proven, one transaction, exact, taken back by a rollback."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.errors import StoreRefused
from shared.domain.scope import Scope
from shared.ports import Row
from tests.support.engine import Engine
from tests.support.invariants import check_invariants
from tests.support.shadows import ShadowedOrders

LIVE = "SELECT * FROM public.orders ORDER BY 1, 2, 3, 4"


def promote(engine: Engine, *, force: bool = False, reason: str | None = None) -> Row:
    rows = engine.sql(
        "SELECT refresh.promote('public.orders', :force, CAST(:reason AS text), 'somebody') AS done",
        force=force,
        reason=reason,
    )
    done: Row = rows[0]["done"]
    return done


def mode(engine: Engine) -> str:
    return str(engine.sql("SELECT mode FROM refresh.refresh_table_registry WHERE table_name = 'orders'")[0]["mode"])


def drifted(engine: Engine, **options: Any) -> ShadowedOrders:
    """A shadow that was filled, and a live table that is not quite like it."""
    orders = ShadowedOrders(engine, **options)
    orders.days(1, 4)
    orders.legacy()
    engine.sql("DELETE FROM public.orders WHERE id = 101")
    engine.sql("UPDATE public.orders SET amount = 0, customer = NULL WHERE id = 202")
    engine.sql("INSERT INTO public.orders VALUES (9001, '2025-01-03', 'extra', 1), (9002, '2024-12-31', 'extra', 1)")
    orders.shadow_run()
    return orders


def test_it_is_refused_until_there_were_enough_clean_days(engine: Engine) -> None:
    orders = ShadowedOrders(engine, shadow_clean_days=3)
    with pytest.raises(StoreRefused, match="no shadow that was refreshed"):
        promote(engine)
    orders.days(1, 2)
    orders.shadow_run()
    with pytest.raises(StoreRefused, match="0 of 3 clean days; on 2025-06-02 8 rows were missing, 0 extra"):
        promote(engine)
    orders.legacy()
    for _ in range(2):
        orders.next_day()
    with pytest.raises(StoreRefused, match="2 of 3 clean days"):
        promote(engine)
    orders.next_day()
    done = promote(engine)
    assert (done["clean_days"], done["rows_unchanged"], done["rows_inserted"]) == (3, 8, 0)
    assert mode(engine) == "live"
    with pytest.raises(StoreRefused, match="has mode live"):
        promote(engine)
    check_invariants(engine)


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ({}, (1, 1, 2)),
        ({"scope_column": None}, (1, 1, 2)),
        ({"scope_bucket": "week"}, (1, 1, 2)),
        ({"scope_column": "customer", "scope_bucket": "hash:7"}, (1, 1, 2)),
        ({"keyed": False}, (2, 0, 3)),
        ({"strategy": "append"}, (1, 0, 0)),
    ],
)
def test_by_force_it_writes_what_differs_and_a_rollback_takes_it_back_exactly(
    engine: Engine, options: dict[str, Any], written: tuple[int, int, int]
) -> None:
    orders = drifted(engine, **options)
    before = engine.sql(LIVE)
    done = promote(engine, force=True, reason="the other program is gone")
    assert (done["rows_inserted"], done["rows_updated"], done["rows_deleted"]) == written
    if options.get("strategy") != "append":
        assert orders.target() == orders.source()
        assert orders.refresh()["status"] == "no_new_data", "what the shadow knew, the table knows"
    check_invariants(engine)
    engine.sql("SELECT refresh.roll_back(CAST(:run AS uuid), requested_by => 'somebody')", run=done["run_id"])
    assert engine.sql(LIVE) == before


def test_a_forced_one_says_why_and_all_of_it_is_in_the_audit(engine: Engine) -> None:
    orders = drifted(engine)
    for reason in (None, " "):
        with pytest.raises(StoreRefused, match="needs a reason"):
            promote(engine, force=True, reason=reason)
    version = engine.sql("SELECT data_version FROM refresh.refresh_table_registry")[0]["data_version"]
    done = promote(engine, force=True, reason="the other program is gone")
    (audited,) = engine.sql("SELECT * FROM refresh.refresh_audit_log WHERE event = 'table_promoted'")
    assert audited["details"] | {"clean_days_needed": 14, "reason": "the other program is gone"} == audited["details"]
    assert (audited["details"]["by"], audited["rows_deleted"]) == ("somebody", 2)
    (run,) = engine.sql("SELECT * FROM refresh.refresh_run WHERE run_id = CAST(:run AS uuid)", run=done["run_id"])
    assert (run["status"], run["requested_by"], run["request"]["promote"]) == ("success", "somebody", "public.orders")
    (registry,) = engine.sql("SELECT * FROM refresh.refresh_table_registry")
    assert (registry["mode"], registry["data_version"]) == ("live", version + 1)
    assert registry["last_refreshed_at"] is not None
    assert engine.sql("SELECT FROM refresh.refresh_shadow") == []
    assert engine.sql("SELECT to_regclass('refresh_shadow.\"public.orders\"') AS shadow") == [{"shadow": None}]
    (event,) = engine.sql("SELECT payload FROM refresh.refresh_outbox WHERE topic = 'refresh-events'")
    assert (event["payload"]["type"], event["payload"]["data"]["rows_updated"]) == ("refresh.completed", 1)
    orders.change()
    assert orders.refresh()["status"] == "success"
    assert orders.target() == orders.source()


def test_what_depends_on_the_table_is_as_it_was(engine: Engine) -> None:
    orders = drifted(engine)
    engine.sql("CREATE INDEX orders_of_customers ON public.orders (customer)")
    engine.sql("CREATE VIEW public.big AS SELECT * FROM public.orders WHERE amount > 1")
    engine.sql("CREATE TABLE public.notes (id bigint REFERENCES public.orders (id), note text)")
    engine.sql("INSERT INTO public.notes VALUES (102, 'kept')")
    engine.sql("GRANT SELECT ON public.orders TO refresh_reader")
    facts = (
        "SELECT c.oid::bigint AS oid, c.relacl::text AS grants, (SELECT array_agg(i.indexrelid::bigint ORDER BY 1)"
        " FROM pg_index i WHERE i.indrelid = c.oid) AS indexes FROM pg_class c WHERE c.oid = 'public.orders'::regclass"
    )
    before = engine.sql(facts)
    promote(engine, force=True, reason="test")
    assert engine.sql(facts) == before
    expected = sum(number for row, number in orders.source().items() if row[3] > 1)
    assert engine.sql("SELECT count(*) AS rows FROM public.big") == [{"rows": expected}]
    assert engine.sql("SELECT note FROM public.notes JOIN public.orders USING (id)") == [{"note": "kept"}]


def test_rows_outside_of_a_lookback_are_left_alone(engine: Engine) -> None:
    orders = ShadowedOrders(engine, lookback=30)
    today = engine.source.now().date().isoformat()
    orders.insert((1, "2020-01-01", "old", "1"), (2, today, "new", "2"))
    engine.sql("INSERT INTO public.orders VALUES (7, '2020-01-01', 'older than that', 1)")
    engine.sql("INSERT INTO public.orders VALUES (8, :today, 'gone at the source', 1)", today=today)
    orders.shadow_run()
    done = promote(engine, force=True, reason="test")
    assert (done["rows_inserted"], done["rows_deleted"]) == (1, 1)
    assert {row[0] for row in orders.target()} == {2, 7}


def test_held_scopes_are_left_alone(engine: Engine) -> None:
    orders = ShadowedOrders(engine, checks={"scope_min_ratio": 0.5})
    orders.days(1, 4)
    orders.shadow_run()
    orders.legacy()
    engine.sql(
        "INSERT INTO public.orders VALUES (290, '2025-01-02', 'only here', 1), (390, '2025-01-03', 'only here', 1)"
    )
    engine.bigquery("DELETE FROM `{d}.orders` WHERE day = DATE '2025-01-02'")
    assert orders.next_day()["status"] == "held"
    done = promote(engine, force=True, reason="test")
    assert (done["rows_inserted"], done["rows_updated"], done["rows_deleted"]) == (0, 0, 1)
    assert {row[0] for row in orders.target() if row[0] in (290, 390)} == {290}


def test_an_older_shadow_run_that_wakes_up_after_it_publishes_nowhere(engine: Engine) -> None:
    orders = drifted(engine)
    orders.change()
    message = engine.task("public.orders", mode="shadow")
    other = engine.another()
    engine.steps.actions["publishing_claimed"] = lambda: promote(other, force=True, reason="test")
    task = engine.deliver(message)
    assert (task["status"], task["reason"]) == ("skipped", "mode_changed")
    assert orders.target() != orders.source()
    engine.steps.actions.clear()
    assert orders.refresh()["status"] == "success"
    assert orders.target() == orders.source()
    other.close()
    check_invariants(engine)


def test_the_columns_may_not_have_changed_since(engine: Engine) -> None:
    orders = drifted(engine)
    engine.sql("ALTER TABLE public.orders ADD COLUMN noted text")
    with pytest.raises(StoreRefused, match=r"columns of public\.orders have changed"):
        promote(engine, force=True, reason="test")
    orders.shadow_run()
    promote(engine, force=True, reason="test")
    assert orders.target() == orders.source()


def test_an_old_shadow_is_not_made_live_without_force(engine: Engine) -> None:
    orders = ShadowedOrders(engine, shadow_clean_days=1)
    orders.days(1, 2)
    orders.legacy()
    orders.shadow_run()
    engine.sql("UPDATE refresh.refresh_shadow SET last_refreshed_at = now() - interval '3 days'")
    with pytest.raises(StoreRefused, match="was last refreshed at"):
        promote(engine)
    promote(engine, force=True, reason="it did not change since")


def test_demotion_leaves_the_table_to_the_other_program_and_goes_on_in_the_shadow(engine: Engine) -> None:
    orders = ShadowedOrders(engine, mode="live", shadow_clean_days=1)
    orders.days(1, 4)
    orders.refresh()
    before = engine.sql(LIVE)
    with pytest.raises(StoreRefused, match="needs a reason"):
        engine.sql("SELECT refresh.demote('public.orders', '')")
    engine.sql("SELECT refresh.demote('public.orders', 'numbers do not agree', 'somebody')")
    assert (engine.sql(LIVE), mode(engine)) == (before, "shadow")
    assert orders.shadow() == orders.source()
    assert orders.shadow_run()["status"] == "no_new_data", "the shadow goes on from the live table's state"
    with pytest.raises(StoreRefused, match="is of mode shadow"):
        engine.sql("SELECT refresh.demote('public.orders', 'again')")
    engine.sql("UPDATE public.orders SET amount = 7 WHERE id = 101")
    orders.change()
    assert orders.shadow_run()["status"] == "success"
    assert orders.report()["differing"] == 4
    promote(engine, force=True, reason="back again")
    assert orders.target() == orders.source()
    check_invariants(engine)


def test_a_live_run_that_is_under_way_does_not_publish_after_a_demotion(engine: Engine) -> None:
    orders = ShadowedOrders(engine, mode="live")
    orders.days(1, 2)
    orders.refresh()
    orders.change()
    before = orders.target()
    other = engine.another()
    engine.steps.actions["publishing_claimed"] = lambda: other.sql("SELECT refresh.demote('public.orders', 'test')")
    task = orders.refresh()
    assert (task["status"], task["reason"]) == ("skipped", "mode_changed")
    assert orders.target() == before
    other.close()


@pytest.mark.parametrize("bucket", ["day", "week", "month", "hash:5", None])
@pytest.mark.parametrize(("kind", "source"), [("date", "DATE"), ("timestamptz", "TIMESTAMP")])
def test_scope_values_are_the_same_in_sql_as_on_the_path(
    engine: Engine, bucket: str | None, kind: str, source: str
) -> None:
    if kind == "timestamptz" and bucket in (None, "hash:5"):
        return
    scope = Scope(column="Day", source_type=source, target_type=kind, bucket=bucket)
    engine.sql(f'CREATE TABLE public.moments ("Day" {kind})')
    engine.sql(
        "INSERT INTO public.moments SELECT n"
        " FROM generate_series('2024-12-20 23:30+00'::timestamptz, '2025-03-02', '7 hours') n"
    )
    (text,) = engine.sql("SELECT refresh.scope_expression('t', 'Day', CAST(:bucket AS text)) AS sql", bucket=bucket)
    with engine.store.transaction() as session:
        session.run("SET LOCAL timezone = 'UTC'")
        rows = session.run(
            f"SELECT count(*) AS moments, count(*) FILTER (WHERE {text['sql']} = {scope.postgres_value('t')}) AS equal"
            " FROM public.moments t"
        )
    assert rows[0]["moments"] == rows[0]["equal"] > 100
