-- The registry's view of the publish. A scan is remembered only when it is newer than the one known. A backfill brings data
-- and refreshes nothing: the table is as fresh as before, and its range is no scan that the next run could lean on.
UPDATE refresh.refresh_table_registry
SET last_refreshed_at = CASE WHEN :backfill THEN last_refreshed_at ELSE clock_timestamp() END,
    last_data_period = CASE WHEN :backfill THEN greatest(last_data_period, :last_data_period)
        ELSE coalesce(:last_data_period, last_data_period) END,
    data_version = data_version + CASE WHEN :wrote THEN 1 ELSE 0 END,
    scanned_from = CASE WHEN :backfill THEN scanned_from WHEN scanned_snapshot_at IS NULL OR scanned_snapshot_at <= :snapshot_at
        THEN :scan_from ELSE scanned_from END,
    scanned_snapshot_at = CASE WHEN :backfill THEN scanned_snapshot_at ELSE greatest(scanned_snapshot_at, :snapshot_at) END
WHERE table_schema = :schema AND table_name = :name
