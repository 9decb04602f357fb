-- The newest published scan of a table.
SELECT scanned_snapshot_at AS snapshot_at, scanned_from AS scan_from
FROM refresh.refresh_table_registry
WHERE table_schema = :schema AND table_name = :name
