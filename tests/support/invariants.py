"""What must hold of a database whatever broke on the way there (the names are the project's own list)."""

from __future__ import annotations

from tests.support.engine import Engine


def check_invariants(engine: Engine) -> None:
    """Assert everything that the control plane's tables can show, once every task has ended."""
    assert _rows(engine, "SELECT run_id FROM refresh.refresh_task WHERE status IN ('queued', 'running')") == []
    audit_folds_to_the_state(engine)
    one_event_per_ended_task(engine)
    rows_are_conserved(engine)
    what_is_kept_is_known(engine)
    staging_is_of_held_tasks(engine)


def staging_is_of_held_tasks(engine: Engine) -> None:
    """What is staged is kept for tasks that were held, until somebody decides or cleanup comes; for no others."""
    held = _rows(engine, "SELECT staging_table FROM refresh.refresh_task WHERE status = 'held'")
    assert set(engine.staging_tables()) <= {row["staging_table"] for row in held}


def audit_folds_to_the_state(engine: Engine) -> None:
    """The last status that the audit has of a task is the task's."""
    differing = _rows(
        engine,
        "SELECT t.run_id, t.table_name, t.status, a.status AS audited FROM refresh.refresh_task t"
        " CROSS JOIN LATERAL (SELECT status FROM refresh.refresh_audit_log a"
        "  WHERE (a.run_id, a.table_schema, a.table_name) = (t.run_id, t.table_schema, t.table_name)"
        "  AND a.event LIKE 'task%' ORDER BY audit_id DESC LIMIT 1) a WHERE a.status <> t.status",
    )
    assert differing == []


def one_event_per_ended_task(engine: Engine) -> None:
    """Every ended task owes one message to the orchestrator and, if it was live, one event; nothing else does, but what
    is taken back."""
    for topic in ("refresh-events", "refresh-schedule"):
        wrong = _rows(
            engine,
            "SELECT t.run_id, t.table_name, count(o.outbox_id) AS events FROM refresh.refresh_task t"
            f" LEFT JOIN refresh.refresh_outbox o ON o.topic = '{topic}'"
            " AND o.payload ->> 'run_id' = t.run_id::text"
            " AND o.payload ->> 'table' = t.table_schema || '.' || t.table_name"
            " AND o.payload ->> 'kind' IS DISTINCT FROM 'table_staged'"
            " AND o.payload -> 'data' ->> 'outcome' IS DISTINCT FROM 'rolled_back'"
            " GROUP BY 1, 2, t.finished_at, t.mode"
            " HAVING count(o.outbox_id) <> CASE WHEN t.finished_at IS NULL"
            f" OR (t.mode <> 'live' AND '{topic}' = 'refresh-events') THEN 0 ELSE 1 END",
        )
        assert wrong == []


def what_is_kept_is_known(engine: Engine) -> None:
    """Every table of overwritten rows belongs to a publish, and each that was taken back was told once."""
    unknown = _rows(
        engine,
        "SELECT coalesce(c.relname, p.undo_table) AS name FROM refresh.refresh_publish p"
        " FULL JOIN (SELECT relname FROM pg_class"
        "  WHERE relnamespace = 'refresh_undo'::regnamespace AND relkind = 'r') c"
        " ON c.relname = p.undo_table WHERE coalesce(c.relname, p.undo_table) IS NOT NULL"
        " AND (c.relname IS NULL OR p.undo_table IS NULL)",
    )
    assert unknown == []
    untold = _rows(
        engine,
        "SELECT p.publish_id FROM refresh.refresh_publish p"
        " WHERE (p.rolled_back_at IS NOT NULL)::integer <> ANY (ARRAY["
        " (SELECT count(*) FROM refresh.refresh_outbox o WHERE o.payload ->> 'run_id' = p.run_id::text"
        "  AND o.payload ->> 'table' = p.table_schema || '.' || p.table_name"
        "  AND o.payload -> 'data' ->> 'outcome' = 'rolled_back'),"
        " (SELECT count(*) FROM refresh.refresh_audit_log a WHERE a.event = 'table_rolled_back'"
        "  AND (a.run_id, a.table_schema, a.table_name) = (p.run_id, p.table_schema, p.table_name))])",
    )
    assert untold == []


def rows_are_conserved(engine: Engine) -> None:
    """The counts of a task that published are the sums of its slices'."""
    wrong = _rows(
        engine,
        "SELECT t.run_id, t.table_name FROM refresh.refresh_task t"
        " LEFT JOIN (SELECT run_id, table_schema, table_name, sum(rows_read) AS read, sum(rows_staged) AS staged"
        "  FROM refresh.refresh_checkpoint GROUP BY 1, 2, 3) c USING (run_id, table_schema, table_name)"
        " WHERE t.status IN ('success', 'warning') AND (t.rows_read <> coalesce(c.read, 0)"
        " OR t.rows_staged + t.rows_superseded < coalesce(c.staged, 0))",
    )
    assert wrong == []


def _rows(engine: Engine, sql: str) -> list[dict[str, object]]:
    return engine.sql(sql)
