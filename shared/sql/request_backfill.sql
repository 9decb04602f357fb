-- A backfill, with the run that begins it.
SELECT refresh.request_backfill(:table, CAST(:first AS date), CAST(:last AS date), :visible, :requested_by, :idempotency_key,
    :request_hash) AS backfill_id
