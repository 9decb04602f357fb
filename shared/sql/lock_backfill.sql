-- A running backfill with its latest run, whether other runs wait for its table, and the rows that one batch should have:
-- as much as its lanes load at once.
SELECT b.backfill_id, b.visible, b.run_id, b.planned_at, n.status AS run_status, t.status AS task_status,
    t.reason AS task_reason, t.error AS task_error, r.checks,
    CAST(r.slice_target_rows AS bigint) * r.parallelism AS batch_rows,
    EXISTS (
        SELECT FROM refresh.refresh_task o
        WHERE o.table_schema = b.table_schema AND o.table_name = b.table_name AND o.status IN ('queued', 'running')
            AND o.mode = 'live') AS others_first
FROM refresh.refresh_backfill b
JOIN refresh.refresh_table_registry r USING (table_schema, table_name)
JOIN refresh.refresh_run n ON n.run_id = b.run_id
LEFT JOIN refresh.refresh_task t
    ON t.run_id = b.run_id AND t.table_schema = b.table_schema AND t.table_name = b.table_name
WHERE b.backfill_id = :backfill_id AND b.status = 'running'
FOR NO KEY UPDATE OF b
