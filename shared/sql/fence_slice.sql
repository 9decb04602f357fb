-- The compare-and-set of a slice's claim, see fence_task.sql.
UPDATE refresh.refresh_checkpoint
SET commit_marker = :marker, lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no AND epoch = :epoch
    AND status = 'running'
RETURNING run_id
