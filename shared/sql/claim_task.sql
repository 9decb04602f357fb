-- SKIP LOCKED: a locked row is in somebody's fenced transaction, which is as good as a live lease.
WITH free AS (
    SELECT t.run_id, t.table_schema, t.table_name
    FROM refresh.refresh_task t
    WHERE t.run_id = :run_id AND t.table_schema = :schema AND t.table_name = :name
        AND t.phase = ANY (CAST(:phases AS text[]))
        AND t.status IN ('queued', 'running')
        AND (t.lease_until IS NULL OR t.lease_until < clock_timestamp())
        AND t.not_before <= clock_timestamp()
        AND t.slices_open = 0
    FOR UPDATE SKIP LOCKED
)
UPDATE refresh.refresh_task t
SET status = 'running', phase = :phase, epoch = t.epoch + 1, attempt = t.attempt + 1,
    lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
FROM free
WHERE (t.run_id, t.table_schema, t.table_name) = (free.run_id, free.table_schema, free.table_name)
RETURNING t.epoch, t.attempt
