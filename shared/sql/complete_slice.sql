-- The slice is done; whoever brings slices_open to 0 leaves the task staged, ready to publish.
WITH done AS (
    UPDATE refresh.refresh_checkpoint
    SET status = 'done', lease_until = NULL, finished_at = clock_timestamp()
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no
    RETURNING bytes_billed, rows_read, rows_staged, rows_quarantined, rows_superseded, rows_merged, job_id
)
UPDATE refresh.refresh_task t
SET slices_open = t.slices_open - 1, phase = CASE WHEN t.slices_open = 1 THEN 'staged' ELSE t.phase END, attempt = 0,
    reason = NULL, error = NULL,
    rows_read = t.rows_read + done.rows_read, rows_staged = t.rows_staged + done.rows_staged,
    rows_quarantined = t.rows_quarantined + done.rows_quarantined, rows_superseded = t.rows_superseded + done.rows_superseded,
    rows_merged = t.rows_merged + done.rows_merged, bytes_billed = t.bytes_billed + done.bytes_billed,
    bigquery_job_id = done.job_id
FROM done
WHERE t.run_id = :run_id AND t.table_schema = :schema AND t.table_name = :name AND t.status = 'running'
RETURNING t.slices_open
