-- The slices of a task that was to fill its target become open ones.
UPDATE refresh.refresh_task
SET phase = 'loading', lease_until = NULL, slices_open = slices_total, staging_table = :staging_table, attempt = 0,
    owed_at = clock_timestamp()
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
