-- Backfills that have not ended.
SELECT backfill_id FROM refresh.refresh_backfill WHERE status = 'running' ORDER BY created_at
