-- The newest snapshot that a backfill has published of: older runs have to look at what it scanned.
UPDATE refresh.refresh_backfill SET snapshot_at = greatest(snapshot_at, :snapshot_at) WHERE backfill_id = :backfill_id
