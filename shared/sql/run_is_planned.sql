-- Without a lock: decides only whether BigQuery's clock is worth asking.
SELECT planned_at IS NOT NULL AS planned, CAST(request ->> 'snapshot_at' AS timestamptz) AS wanted_snapshot_at
FROM refresh.refresh_run WHERE run_id = :run_id
