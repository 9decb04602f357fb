-- The scopes of a table as last published.
SELECT scope AS value, fingerprint, definition_hash, snapshot_at, rows, rows_quarantined, refused, refused_at
FROM refresh.refresh_partition_state
WHERE table_schema = :schema AND table_name = :name
