-- A slice that went straight into the target.
UPDATE refresh.refresh_checkpoint
SET status = 'done', rows_received = :received, rows_read = :read, rows_staged = :staged, rows_quarantined = :quarantined,
    rows_superseded = :superseded, rows_merged = :merged, figures_found = CAST(:figures AS jsonb),
    values_stripped = CAST(:stripped AS jsonb), job_id = :job_id, job_project = :project, job_location = :location,
    bytes_billed = bytes_billed + :bytes_billed, started_at = coalesce(started_at, now()), finished_at = clock_timestamp()
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no
