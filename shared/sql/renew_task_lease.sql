-- SKIP LOCKED: while the claim's own fenced transaction holds the row, nobody else can take it. Without a lease there is nothing
-- to renew: it was given up together with the step that it was for.
WITH mine AS (
    SELECT run_id, table_schema, table_name FROM refresh.refresh_task
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND epoch = :epoch AND status = 'running'
        AND lease_until IS NOT NULL
    FOR UPDATE SKIP LOCKED
), renewed AS (
    UPDATE refresh.refresh_task t SET lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
    FROM mine WHERE (t.run_id, t.table_schema, t.table_name) = (mine.run_id, mine.table_schema, mine.table_name)
)
SELECT epoch = :epoch AND status = 'running' AS held FROM refresh.refresh_task
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
