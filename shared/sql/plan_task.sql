-- The plan is committed: the task has no lease any more, its slices have their own.
UPDATE refresh.refresh_task
SET phase = :phase, lease_until = NULL, attempt = 0, definition_hash = :definition_hash, scan_from = :scan_from,
    staging_table = :staging_table, slices_total = :slices, slices_open = :open, slices_skipped = :skipped,
    bytes_billed = bytes_billed + :bytes_billed, bigquery_job_id = :job_id, reason = NULL, error = NULL,
    owed_at = clock_timestamp(), details = details || CAST(:details AS jsonb)
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
