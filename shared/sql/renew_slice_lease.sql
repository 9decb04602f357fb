-- See renew_task_lease.sql.
WITH mine AS (
    SELECT run_id, table_schema, table_name, slice_no FROM refresh.refresh_checkpoint
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no AND epoch = :epoch
        AND status = 'running'
    FOR UPDATE SKIP LOCKED
), renewed AS (
    UPDATE refresh.refresh_checkpoint c SET lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
    FROM mine
    WHERE (c.run_id, c.table_schema, c.table_name, c.slice_no) = (mine.run_id, mine.table_schema, mine.table_name, mine.slice_no)
)
SELECT epoch = :epoch AND status = 'running' AS held FROM refresh.refresh_checkpoint
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no
