-- The scopes of a table as last published, and what of them must not be published again.
SELECT scope AS value, fingerprint, definition_hash, snapshot_at, rows, rows_quarantined, refused, refused_why, refused_at
FROM refresh.refresh_partition_state
WHERE table_schema = :schema AND table_name = :name
