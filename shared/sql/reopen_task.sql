-- Scopes that an older run has changed since the plan are read after all.
UPDATE refresh.refresh_task
SET phase = 'loading', lease_until = NULL, slices_total = slices_total + :slices, slices_open = slices_open + :slices,
    staging_table = :staging_table, owed_at = clock_timestamp()
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
