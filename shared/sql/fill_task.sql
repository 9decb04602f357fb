-- The task's counts are the sums of its slices'.
UPDATE refresh.refresh_task t
SET rows_read = c.rows_read, rows_staged = c.rows_staged, rows_quarantined = c.rows_quarantined,
    rows_superseded = c.rows_superseded, rows_merged = c.rows_merged, bytes_billed = t.bytes_billed + c.bytes_billed,
    bigquery_job_id = c.job_id
FROM (
    SELECT sum(rows_read) AS rows_read, sum(rows_staged) AS rows_staged, sum(rows_quarantined) AS rows_quarantined,
        sum(rows_superseded) AS rows_superseded, sum(rows_merged) AS rows_merged, sum(bytes_billed) AS bytes_billed,
        max(job_id) AS job_id
    FROM refresh.refresh_checkpoint
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
) c
WHERE t.run_id = :run_id AND t.table_schema = :schema AND t.table_name = :name
