-- The run that began a backfill, or is at it.
SELECT backfill_id, run_id FROM refresh.refresh_backfill WHERE backfill_id = :backfill_id
