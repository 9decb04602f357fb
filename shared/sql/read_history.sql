-- A page of ended tasks, newest first. The inner query runs over an index alone (of all tasks, of a status or of a table),
-- so that skipped pages cost next to nothing.
SELECT coalesce(json_agg(listed ORDER BY listed.finished_at DESC, listed.run_id, listed."table"), '[]')::text AS document
FROM (
    SELECT t.run_id, t.table_schema || '.' || t.table_name AS "table", t.handler, t.mode, n.trigger, n.requested_by, t.status, t.reason,
        left(t.error, 1000) AS error, n.snapshot_at, t.started_at, t.finished_at,
        refresh.duration_ms(t.started_at, t.finished_at) AS duration_ms, t.slices_total, t.rows_read, t.rows_inserted,
        t.rows_updated, t.rows_deleted, t.rows_unchanged, t.rows_quarantined, t.bytes_billed, p.rolled_back_at
    FROM (
        SELECT run_id, table_schema, table_name
        FROM refresh.refresh_task
        WHERE finished_at IS NOT NULL
            AND (CAST(:schema AS text) IS NULL OR (table_schema = :schema AND table_name = :name))
            AND (CAST(:status AS text) IS NULL OR status = :status)
            AND (CAST(:from AS timestamptz) IS NULL OR finished_at >= :from)
            AND (CAST(:to AS timestamptz) IS NULL OR finished_at < :to)
        ORDER BY finished_at DESC, run_id, table_schema, table_name
        OFFSET :offset LIMIT :limit
    ) page
    JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
    JOIN refresh.refresh_run n USING (run_id)
    LEFT JOIN refresh.refresh_publish p USING (run_id, table_schema, table_name)
) listed
