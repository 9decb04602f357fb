-- The compare-and-set of a slice's claim, see fence_task.sql. A slice of a task that has ended is nobody's any more.
UPDATE refresh.refresh_checkpoint c
SET commit_marker = :marker, lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
FROM refresh.refresh_task t
WHERE c.run_id = :run_id AND c.table_schema = :schema AND c.table_name = :name AND c.slice_no = :slice_no
    AND c.epoch = :epoch AND c.status = 'running'
    AND (t.run_id, t.table_schema, t.table_name) = (c.run_id, c.table_schema, c.table_name) AND t.status = 'running'
RETURNING c.run_id
