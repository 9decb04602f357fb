-- An open task that nobody works on. Both claims and dead letters count as attempts: a message may kill its worker
-- before the claim.
SELECT t.handler,
    greatest(t.attempt, (SELECT count(*) FROM refresh.refresh_dead_letter d
        WHERE (d.run_id, d.table_schema, d.table_name) = (t.run_id, t.table_schema, t.table_name))) AS attempts
FROM refresh.refresh_task t
WHERE t.run_id = :run_id AND t.table_schema = :schema AND t.table_name = :name
    AND t.status IN ('queued', 'running')
    AND (t.lease_until IS NULL OR t.lease_until <= clock_timestamp())
    AND NOT EXISTS (
        SELECT FROM refresh.refresh_checkpoint c
        WHERE (c.run_id, c.table_schema, c.table_name) = (t.run_id, t.table_schema, t.table_name)
            AND c.lease_until > clock_timestamp())
FOR NO KEY UPDATE OF t SKIP LOCKED
