-- What of a run has not come to its end as wanted, and whether something newer has been published since.
SELECT t.table_schema || '.' || t.table_name AS "table", r.source, s.sql AS source_sql, r.mode, r.handler,
    coalesce(r.scanned_snapshot_at > n.snapshot_at, false) OR EXISTS (
        SELECT FROM refresh.refresh_partition_state p
        WHERE p.table_schema = t.table_schema AND p.table_name = t.table_name AND p.snapshot_at > n.snapshot_at) AS superseded
FROM refresh.refresh_run n
JOIN refresh.refresh_task t USING (run_id)
JOIN refresh.refresh_table_registry r USING (table_schema, table_name)
LEFT JOIN refresh.refresh_named_sql s ON r.source = 'sql:' || s.name
WHERE n.run_id = :run_id AND t.status IN ('failed', 'held', 'skipped')
ORDER BY t.table_schema, t.table_name
