-- The registry's view of the publish. A scan is remembered only when it is newer than the one known.
UPDATE refresh.refresh_table_registry
SET last_refreshed_at = clock_timestamp(), last_data_period = coalesce(:last_data_period, last_data_period),
    data_version = data_version + CASE WHEN :wrote THEN 1 ELSE 0 END,
    scanned_from = CASE WHEN scanned_snapshot_at IS NULL OR scanned_snapshot_at <= :snapshot_at
        THEN :scan_from ELSE scanned_from END,
    scanned_snapshot_at = greatest(scanned_snapshot_at, :snapshot_at)
WHERE table_schema = :schema AND table_name = :name
