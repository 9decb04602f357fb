-- What was staged for the held task is staged for this one: it only has to be published.
UPDATE refresh.refresh_task
SET phase = 'staged', lease_until = NULL, attempt = 0, owed_at = clock_timestamp(), staging_table = :staging_table,
    definition_hash = :definition_hash, scan_from = :scan_from, slices_total = :slices_total, slices_open = 0,
    slices_skipped = :slices_skipped, rows_read = :rows_read, rows_staged = :rows_staged,
    rows_quarantined = :rows_quarantined, rows_superseded = :rows_superseded, rows_merged = :rows_merged,
    reason = NULL, error = NULL, details = details || jsonb_build_object('adopted_from', CAST(:held_run AS uuid))
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
