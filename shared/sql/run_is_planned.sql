-- Without a lock: decides only whether BigQuery's clock is worth asking.
SELECT planned_at IS NOT NULL AS planned FROM refresh.refresh_run WHERE run_id = :run_id
