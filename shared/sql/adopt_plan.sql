-- The plan and the slices of the held task become those of the task that releases it.
WITH scopes AS (
    INSERT INTO refresh.refresh_task_scope (run_id, table_schema, table_name, scope, action, fingerprint, published_fingerprint,
        rows, rows_read, published_rows, slice_no, figures)
    SELECT :run_id, s.table_schema, s.table_name, s.scope, s.action, s.fingerprint, s.published_fingerprint, s.rows, s.rows_read,
        s.published_rows, s.slice_no, s.figures
    FROM refresh.refresh_task_scope s
    WHERE s.run_id = :held_run AND s.table_schema = :schema AND s.table_name = :name
), slices AS (
    INSERT INTO refresh.refresh_checkpoint (run_id, table_schema, table_name, slice_no, scope_values, status, generation,
        rows_expected, source_rows_expected, rows_received, rows_read, rows_staged, rows_quarantined, rows_superseded,
        rows_merged, values_stripped, figures_expected, figures_found, started_at, finished_at)
    SELECT :run_id, c.table_schema, c.table_name, c.slice_no, c.scope_values, c.status, c.generation,
        c.rows_expected, c.source_rows_expected, c.rows_received, c.rows_read, c.rows_staged, c.rows_quarantined,
        c.rows_superseded, c.rows_merged, c.values_stripped, c.figures_expected, c.figures_found, c.started_at, c.finished_at
    FROM refresh.refresh_checkpoint c
    WHERE c.run_id = :held_run AND c.table_schema = :schema AND c.table_name = :name
), moved AS (
    DELETE FROM refresh.refresh_quarantine q
    WHERE q.run_id = :held_run AND q.table_schema = :schema AND q.table_name = :name
    RETURNING q.quarantine_id, q.slice_no, q.scope, q.reason, q.column_name, q.source_row, q.quarantined_at
)
INSERT INTO refresh.refresh_quarantine (run_id, table_schema, table_name, slice_no, scope, reason, column_name, source_row,
    quarantined_at)
SELECT :run_id, :schema, :name, m.slice_no, m.scope, m.reason, m.column_name, m.source_row, m.quarantined_at FROM moved m
ORDER BY m.quarantine_id
