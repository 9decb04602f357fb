-- A held task, and whether what it had staged is still there.
SELECT t.status, t.definition_hash, t.scan_from, t.slices_total, t.slices_open, t.slices_skipped, t.rows_read, t.rows_staged,
    t.rows_quarantined, t.rows_superseded, t.rows_merged,
    CASE WHEN t.staging_table IS NOT NULL THEN to_regclass(format('refresh_staging.%I', t.staging_table)) IS NOT NULL END
        AS is_staged,
    (SELECT n.request ? 'backfill' FROM refresh.refresh_run n WHERE n.run_id = t.run_id) AS is_of_a_range,
    EXISTS (
        SELECT FROM refresh.refresh_task_scope s
        WHERE s.run_id = t.run_id AND s.table_schema = t.table_schema AND s.table_name = t.table_name AND s.action = 'held')
        AS is_partly_staged
FROM refresh.refresh_task t
WHERE t.run_id = :run_id AND t.table_schema = :schema AND t.table_name = :name
