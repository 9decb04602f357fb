-- How a table is to be refreshed.
SELECT mode, handler, source, column_map, key_columns, scope_column, scope_bucket, strategy, lookback, slice_target_rows,
    parallelism, max_bytes_billed, max_bytes_billed_per_day, checks, nul_policies, loaded_at_column, drift_policies,
    (SELECT n.sql FROM refresh.refresh_named_sql n WHERE source = 'sql:' || n.name) AS source_sql
FROM refresh.refresh_table_registry
WHERE table_schema = :schema AND table_name = :name
