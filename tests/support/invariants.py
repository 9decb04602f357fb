"""What must hold of a database whatever broke on the way there (the names are the project's own list)."""

from __future__ import annotations

from tests.support.engine import Engine


def check_invariants(engine: Engine) -> None:
    """Assert everything that the control plane's tables can show, once every task has ended."""
    assert _rows(engine, "SELECT run_id FROM refresh.refresh_task WHERE status IN ('queued', 'running')") == []
    audit_folds_to_the_state(engine)
    one_event_per_ended_task(engine)
    rows_are_conserved(engine)
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
    """Every ended task owes one event and one message to the orchestrator, and nothing else does."""
    for topic in ("refresh-events", "refresh-schedule"):
        wrong = _rows(
            engine,
            "SELECT t.run_id, t.table_name, count(o.outbox_id) AS events FROM refresh.refresh_task t"
            f" LEFT JOIN refresh.refresh_outbox o ON o.topic = '{topic}'"
            " AND o.payload ->> 'run_id' = t.run_id::text"
            " AND o.payload ->> 'table' = t.table_schema || '.' || t.table_name"
            " GROUP BY 1, 2, t.finished_at"
            " HAVING count(o.outbox_id) <> CASE WHEN t.finished_at IS NULL THEN 0 ELSE 1 END",
        )
        assert wrong == []


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
