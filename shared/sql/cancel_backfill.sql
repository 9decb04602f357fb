-- The end of a backfill by hand.
SELECT refresh.cancel_backfill(:backfill_id, :requested_by) AS cancelled
