-- The compare-and-set: no row comes back when another worker has taken the claim over. The marker tells afterwards whether
-- this transaction committed.
UPDATE refresh.refresh_task
SET commit_marker = :marker, lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND epoch = :epoch AND status = 'running'
RETURNING run_id
