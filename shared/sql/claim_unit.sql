-- All or none: a table without a group by itself, a group when each of its tables in the run is staged, free and due. One
-- that has ended, as a held one does, keeps the others from ever being claimed. SKIP LOCKED as in claim_task.sql.
WITH unit AS (
    SELECT t.run_id, t.table_schema, t.table_name
    FROM refresh.refresh_task own
    JOIN refresh.refresh_task t ON t.run_id = own.run_id
        AND (t.publish_group = own.publish_group
            OR (t.table_schema, t.table_name) = (own.table_schema, own.table_name))
    WHERE own.run_id = :run_id AND own.table_schema = :schema AND own.table_name = :name
), free AS (
    SELECT t.run_id, t.table_schema, t.table_name
    FROM refresh.refresh_task t
    JOIN unit USING (run_id, table_schema, table_name)
    WHERE t.phase IN ('staged', 'publishing')
        AND t.status IN ('queued', 'running')
        AND (t.lease_until IS NULL OR t.lease_until < clock_timestamp())
        AND t.not_before <= clock_timestamp()
        AND t.slices_open = 0
    ORDER BY t.table_schema, t.table_name
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE refresh.refresh_task t
SET status = 'running', phase = 'publishing', epoch = t.epoch + 1, attempt = t.attempt + 1,
    lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
FROM free
WHERE (t.run_id, t.table_schema, t.table_name) = (free.run_id, free.table_schema, free.table_name)
    AND (SELECT count(*) FROM free) = (SELECT count(*) FROM unit)
RETURNING t.table_schema, t.table_name, t.epoch, t.attempt
