-- The fields that are given; triggers check the whole, raise the version, and write the audit.
UPDATE refresh.refresh_table_registry r
SET (handler, source, column_map, key_columns, scope_column, scope_bucket, strategy, mode, priority, frequency_hours, lookback,
    slice_target_rows, parallelism, max_bytes_billed, checks, nul_policies, loaded_at_column, rollback_publishes,
    drift_policies, max_bytes_billed_per_day,
    shadow_clean_days, shadow_tolerances, publish_group) = (
    SELECT n.handler, n.source, n.column_map, n.key_columns, n.scope_column, n.scope_bucket, n.strategy, n.mode, n.priority,
        n.frequency_hours, n.lookback, n.slice_target_rows, n.parallelism, n.max_bytes_billed, n.checks, n.nul_policies,
        n.loaded_at_column, n.rollback_publishes, n.drift_policies, n.max_bytes_billed_per_day,
        n.shadow_clean_days, n.shadow_tolerances, n.publish_group
    FROM jsonb_populate_record(r, CAST(:changes AS jsonb)) n)
WHERE r.table_schema = :schema AND r.table_name = :name
