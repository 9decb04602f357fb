-- The source as the publish took it, unless a newer snapshot has been published by another run.
INSERT INTO refresh.refresh_source_schema AS s (table_schema, table_name, source, columns, snapshot_at, run_id)
SELECT :schema, :name, :source, CAST(:columns AS jsonb), r.snapshot_at, r.run_id
FROM refresh.refresh_run r
WHERE r.run_id = :run_id
ON CONFLICT (table_schema, table_name) DO UPDATE
SET source = excluded.source, columns = excluded.columns, snapshot_at = excluded.snapshot_at, run_id = excluded.run_id,
    seen_at = clock_timestamp()
WHERE excluded.snapshot_at >= s.snapshot_at
